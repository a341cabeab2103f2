#include "options/settings.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "base/listen_address.h"

namespace signalbox::options {
namespace {

// sockaddr_un's sun_path with its ending NUL.
constexpr size_t kMaxSocketPath = 107;

constexpr char kUrlForms[] = "it is sqlite:///relative, sqlite:////absolute or sqlite::memory:";

class Resolver {
 public:
  Resolver(const Options& options, const Sources& sources) : options_(options), sources_(sources) {}

  absl::StatusOr<Settings> Resolve() && {
    settings_.environment = Text("environment");
    ResolveStore();
    ResolveStateDir();
    settings_.xds_insecure = Text("xds.insecure") == "true";
    settings_.http_insecure = Text("http.insecure") == "true";
    settings_.xds_listen = Listen("xds.listen", settings_.xds_insecure);
    settings_.http_listen = Listen("http.listen", settings_.http_insecure);
    if (settings_.xds_listen == settings_.http_listen &&
        !absl::EndsWith(settings_.xds_listen, ":0")) {
      Problem("http.listen",
              absl::StrCat(settings_.http_listen, " is the address of xds.listen too"));
    }
    settings_.ack_deadline = Duration("xds.ack_deadline");
    settings_.overrun_after = Duration("xds.ordering.overrun_after");
    settings_.warm_timeout = Duration("xds.ordering.warm_timeout");
    settings_.hold_max = Duration("xds.ordering.hold_max");
    ResolveAdminSocket();
    settings_.log_level = log::ParseLevel(Text("log.level")).value_or(log::Level::kInfo);
    settings_.log_format = log::ParseFormat(Text("log.format")).value_or(log::Format::kAuto);
    if (!problems_.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems_, "\n"));
    return std::move(settings_);
  }

 private:
  const std::string& Text(absl::string_view key) const { return options_.Get(key).text; }

  std::string Variable(const std::string& name) const {
    const auto it = sources_.environment.find(name);
    return it == sources_.environment.end() ? "" : it->second;
  }

  void Problem(absl::string_view key, absl::string_view text) {
    problems_.push_back(absl::StrCat(key, " (", options_.Get(key).origin, "): ", text));
  }

  // BASE of the reference: where state lies when nothing is said; "" when that cannot be known.
  std::string Base() const {
    const std::vector<std::string> given = absl::StrSplit(Variable("STATE_DIRECTORY"), ':');
    if (!given[0].empty()) return given[0];
    if (sources_.root) return "/var/lib/signalbox";
    const std::string state = Variable("XDG_STATE_HOME");
    if (!state.empty()) return absl::StrCat(state, "/signalbox");
    const std::string home = Variable("HOME");
    return home.empty() ? "" : absl::StrCat(home, "/.local/state/signalbox");
  }

  std::string SqliteDirectory(absl::string_view url) {
    const std::string shown = absl::StrCat("\"", Redacted(*FindOption("store.url"), url), "\"");
    absl::string_view path = url;
    if (absl::StartsWith(url, "postgres://") || absl::StartsWith(url, "postgresql://")) {
      Problem(
          "store.url",
          absl::StrCat(shown, " is PostgreSQL, and this build serves SQLite only; ", kUrlForms));
    } else if (!absl::ConsumePrefix(&path, "sqlite:///") || path.empty()) {
      Problem("store.url", absl::StrCat(shown, " is not understood; ", kUrlForms));
    } else if (absl::StrContains(path, '?') || absl::StrContains(path, '#')) {
      Problem("store.url", absl::StrCat(shown, " has parameters, and SQLite takes none"));
    }
    return std::string(path);
  }

  void ResolveStore() {
    const std::string& url = Text("store.url");
    const std::string& path = Text("store.path");
    const std::string& driver = Text("store.driver");
    if (driver == "postgres") {
      Problem("store.driver", "\"postgres\" is not served by this build, which serves SQLite only");
    } else if (!driver.empty() && driver != "sqlite") {
      Problem("store.driver",
              absl::StrCat("\"", driver, "\" is not a driver; this build serves \"sqlite\""));
    }
    if (!url.empty() && !path.empty()) {
      Problem("store.path", absl::StrCat("store.url is set too (", options_.Get("store.url").origin,
                                         "); set one of them"));
    }
    if (url == "sqlite::memory:") {
      settings_.store.kind = StoreSettings::Kind::kSqliteInMemory;
    } else if (!url.empty()) {
      settings_.store.directory = SqliteDirectory(url);
    } else if (!path.empty()) {
      settings_.store.directory = path;
    } else if (const std::string base = Base(); !base.empty()) {
      settings_.store.directory = absl::StrCat(base, "/data");
    } else {
      Problem(
          "store.url",
          "there is no default: HOME, XDG_STATE_HOME and STATE_DIRECTORY are unset; set store.url");
    }
  }

  void ResolveStateDir() {
    settings_.state_dir = Text("state_dir");
    if (!settings_.state_dir.empty() ||
        settings_.store.kind == StoreSettings::Kind::kSqliteInMemory)
      return;
    const bool said = !Text("store.url").empty() || !Text("store.path").empty();
    settings_.state_dir = said ? settings_.store.directory : Base();
  }

  std::string Listen(absl::string_view key, bool insecure) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(Text(key));
    SB_CHECK(address.ok());  // checked when it was loaded
    if (!address->IsLoopback() && !insecure) {
      const std::string allow = absl::StrCat(key.substr(0, key.find('.')), ".insecure");
      Problem(key,
              absl::StrCat(address->ToString(),
                           " is reachable beyond this machine, in plaintext; if that is meant, "
                           "set ",
                           allow, " = true"));
    }
    return address->ToString();
  }

  absl::Duration Duration(absl::string_view key) {
    absl::Duration duration;
    SB_CHECK(absl::ParseDuration(Text(key), &duration));  // checked when it was loaded
    return duration;
  }

  void ResolveAdminSocket() {
    std::string& socket = settings_.admin_socket;
    socket = Text("admin.socket");
    const std::string runtime = Variable("XDG_RUNTIME_DIR");
    if (socket.empty() && sources_.root) {
      socket = "/run/signalbox/admin.sock";
    } else if (socket.empty() && !runtime.empty()) {
      socket = absl::StrCat(runtime, "/signalbox/admin.sock");
    } else if (socket.empty()) {
      const std::string base = Base().empty() ? settings_.state_dir : Base();
      if (base.empty()) {
        Problem("admin.socket",
                "there is no default: HOME and XDG_RUNTIME_DIR are unset; set admin.socket");
        return;
      }
      socket = absl::StrCat(base, "/admin.sock");
    }
    if (socket.size() > kMaxSocketPath) {
      Problem("admin.socket", absl::StrCat("\"", socket, "\" has ", socket.size(),
                                           " bytes; a socket's path has at most ", kMaxSocketPath));
    }
  }

  const Options& options_;
  const Sources& sources_;
  Settings settings_;
  std::vector<std::string> problems_;
};

}  // namespace

absl::StatusOr<Settings> Settings::Resolve(const Options& options, const Sources& sources) {
  return Resolver(options, sources).Resolve();
}

std::string Shown(const Option& option, const Options& options, const Settings& settings) {
  const std::string& text = options.Get(option.key).text;
  if (!text.empty()) return Redacted(option, text);
  if (option.key == "state_dir") return settings.state_dir;
  if (option.key == "admin.socket") return settings.admin_socket;
  if (option.key == "store.url" && !settings.store.directory.empty()) {
    return absl::StrCat("sqlite:///", settings.store.directory);
  }
  return text;
}

}  // namespace signalbox::options
