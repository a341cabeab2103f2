#include "server/daemon/serve_verb.h"

#include <pthread.h>
#include <signal.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "cli/option_flags.h"
#include "options/problem.h"
#include "options/settings.h"
#include "options/store_settings.h"
#include "server/daemon/daemon.h"
#include "server/daemon/open_store.h"
#include "server/daemon/reload.h"

namespace signalbox {
namespace {

cli::ExitCode Serve(cli::Context& context, const cli::Arguments& arguments) {
  absl::StatusOr<cli::LoadedOptions> loaded = cli::LoadOptions(context, arguments);
  if (!loaded.ok())
    return context.out->Fail({loaded.status(), "`signalbox config show` shows what is in effect"});
  const options::Settings& settings = loaded->settings;
  log::SetUp({settings.log_level, settings.log_format});

  // Blocked before any thread is made, so that all inherit it and this one takes them in turn.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  for (const options::Problem& warning : settings.warnings)
    log::Warning("configuration", {{"warning", warning.ToString()}});
  const options::SqliteSettings* const sqlite = settings.store.sqlite();
  if (sqlite != nullptr && sqlite->in_memory())
    log::Warning("the store is in memory: nothing survives the end of this process");
  absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(settings);
  if (!daemon.ok()) {
    const std::string hint =
        absl::IsDataLoss(daemon.status()) ? WhatToDoAboutDamage(settings) : std::string();
    return context.out->Fail({daemon.status(), hint});
  }
  int received = 0;
  while (sigwait(&signals, &received) == 0 && received == SIGHUP) {
    Reload(cli::LoadOptions(context, arguments), &loaded->options,
           [&](const options::Settings& fresh) {
             log::SetUp({fresh.log_level, fresh.log_format});
             (*daemon)->Reload(fresh);
           });
  }
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
