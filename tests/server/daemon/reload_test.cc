#include "server/daemon/reload.h"

#include <catch2/catch.hpp>
#include <optional>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "base/log.h"
#include "cli/option_flags.h"
#include "options/options.h"
#include "options/settings.h"

namespace signalbox {
namespace {

using Flags = std::vector<std::pair<std::string, std::string>>;

options::Sources SourcesOf(Flags flags) {
  flags.emplace_back("store.url", "sqlite::memory:");
  flags.emplace_back("admin.socket", "/s");
  return {.flags = flags};
}

absl::StatusOr<cli::LoadedOptions> Load(const Flags& flags) {
  const options::Sources sources = SourcesOf(flags);
  options::Options read = options::Options::Read(sources);
  absl::StatusOr<options::Settings> settings = options::Settings::Resolve(read, sources);
  if (!settings.ok()) return settings.status();
  return cli::LoadedOptions{std::move(read), *std::move(settings)};
}

// A daemon's options and its log. One at a time.
class Running {
 public:
  explicit Running(const Flags& flags) : running_(options::Options::Read(SourcesOf(flags))) {
    Apply(Load(flags)->settings);
    applied_.reset();
  }
  ~Running() { log::SetUp({}); }

  // Returns what is logged.
  std::string Reload(const Flags& flags) {
    log_.str("");
    applied_.reset();
    signalbox::Reload(Load(flags), &running_,
                      [this](const options::Settings& settings) { Apply(settings); });
    return log_.str();
  }
  const std::optional<options::Settings>& applied() const { return applied_; }

 private:
  void Apply(const options::Settings& settings) {
    applied_ = settings;
    log::SetUp({settings.log_level, log::Format::kPretty, &log_});
  }

  options::Options running_;
  std::ostringstream log_;
  std::optional<options::Settings> applied_;
};

TEST_CASE("what needs no restart is taken over, and the log says what changed") {
  Running daemon({});
  const std::string log = daemon.Reload({{"store.slow_query", "1s"}});
  CHECK(absl::StrContains(log, "option changed"));
  CHECK(absl::StrContains(log, "store.slow_query"));
  CHECK(absl::StrContains(log, "100ms"));
  CHECK(absl::StrContains(log, "--store.slow-query"));
  REQUIRE(daemon.applied().has_value());
  CHECK(daemon.applied()->store.slow_query == absl::Seconds(1));
  CHECK_FALSE(absl::StrContains(daemon.Reload({{"store.slow_query", "1s"}}), "option changed"));
}

TEST_CASE("what needs a restart is named at each reload until the daemon has it") {
  Running daemon({});
  for (int i = 0; i < 2; ++i) {
    const std::string log = daemon.Reload({{"instances", "1"}, {"xds.ack_deadline", "9s"}});
    CHECK(absl::StrContains(log, "option needs a restart"));
    CHECK(absl::StrContains(log, "xds.ack_deadline"));
    CHECK(absl::StrContains(log, "need_restart=1"));
    CHECK_FALSE(absl::StrContains(log, "instances"));
  }
  CHECK(absl::StrContains(daemon.Reload({}), "need_restart=0"));
}

TEST_CASE("what is wrong changes nothing and is told with its place") {
  Running daemon({});
  const std::string log =
      daemon.Reload({{"log.level", "loud"}, {"xds.listen", "0.0.0.0:1"}, {"instances", "2"}});
  CHECK_FALSE(daemon.applied().has_value());
  CHECK(absl::StrContains(log, "configuration not reloaded: nothing changed"));
  CHECK(absl::StrContains(log, "--log.level: log.level must be one of"));
  CHECK(absl::StrContains(log, "xds.insecure"));
  CHECK(absl::StrContains(log, "instances = 1"));
  CHECK(absl::StrContains(daemon.Reload({{"log.level", "debug"}}), "changed=1"));
}

TEST_CASE("a change of the level is told whichever way it goes") {
  Running daemon({});
  CHECK(absl::StrContains(daemon.Reload({{"log.level", "error"}}), "option changed"));
  CHECK(daemon.Reload({{"log.level", "error"}}) == "");
  CHECK(absl::StrContains(daemon.Reload({{"log.level", "debug"}}), "option changed"));
}

}  // namespace
}  // namespace signalbox
