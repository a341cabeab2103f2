#include "server/daemon/serve_verb.h"

#include <pthread.h>
#include <signal.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "cli/option_flags.h"
#include "server/daemon/daemon.h"

namespace signalbox {
namespace {

cli::ExitCode Serve(cli::Context& context, const cli::Arguments& arguments) {
  const absl::StatusOr<cli::LoadedOptions> loaded = cli::LoadOptions(context, arguments);
  if (!loaded.ok())
    return context.out->Fail({loaded.status(), "`signalbox config show` shows what is in effect"});
  const options::Settings& settings = loaded->settings;
  log::SetUp({settings.log_level, settings.log_format});

  // Blocked before any thread is made, so that all inherit it and this one takes them in turn.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  if (settings.store.kind == options::StoreSettings::Kind::kSqliteInMemory) {
    log::Warning("the store is in memory: nothing survives the end of this process");
  }
  absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(settings);
  if (!daemon.ok()) return context.out->Fail({daemon.status()});
  int received = 0;
  sigwait(&signals, &received);
  log::Info("stopping", {{"signal", received == SIGTERM ? "SIGTERM" : "SIGINT"}});
  daemon->reset();
  return cli::ExitCode::kDone;
}

}  // namespace

cli::Verb ServeVerb() {
  return {.name = "serve",
          .group = cli::Verb::Group::kServer,
          .help = "Run the daemon until it is told to stop",
          .example = "signalbox serve --store.url sqlite:////var/lib/signalbox/data",
          .flags = cli::OptionFlags(),
          .run = Serve};
}

}  // namespace signalbox
