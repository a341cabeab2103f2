#include "options/settings.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/listen_address.h"
#include "options/limits.h"
#include "options/redact.h"

namespace signalbox::options {
namespace {

class Resolver {
 public:
  Resolver(const Options& options, const Sources& sources)
      : options_(options), sources_(sources), problems_(options.problems()) {}

  absl::StatusOr<Settings> Resolve() && {
    // In a file that could not be read anything may have been said.
    const bool all_read = std::none_of(problems_.begin(), problems_.end(),
                                       [](const Problem& problem) { return problem.key.empty(); });
    if (all_read) ResolveAll();
    if (!problems_.empty()) return ProblemsError(problems_);
    return std::move(settings_);
  }

 private:
  void ResolveAll() {
    settings_.environment = Text("environment");
    settings_.instances = Integer("instances");
    if (!IsWrong("store") && !IsWrong("instances")) ResolveStore();
    ResolveStateDir();
    ResolveKeyFile();
    settings_.xds_insecure = Text("xds.insecure") == "true";
    settings_.http_insecure = Text("http.insecure") == "true";
    ResolveTls();
    settings_.xds_listen =
        Listen("xds.listen", settings_.xds_insecure || !settings_.xds_tls_cert.empty(),
               "xds.insecure", "set xds.tls.cert and xds.tls.key; if it is meant");
    settings_.http_listen =
        Listen("http.listen", settings_.http_insecure, "http.insecure", "if that is meant");
    if (settings_.xds_listen == settings_.http_listen &&
        !absl::EndsWith(settings_.xds_listen, ":0")) {
      AddProblem("http.listen",
                 absl::StrCat(settings_.http_listen, " is the address of xds.listen too"));
    }
    settings_.ack_deadline = Duration("xds.ack_deadline");
    settings_.max_stream_age = Duration("xds.max_stream_age.base");
    settings_.stream_age_jitter = Integer("xds.max_stream_age.jitter_percent") / 100.0;
    settings_.overrun_after = Duration("xds.ordering.overrun_after");
    settings_.warm_timeout = Duration("xds.ordering.warm_timeout");
    settings_.hold_max = Duration("xds.ordering.hold_max");
    settings_.removal_grace = Duration("xds.ordering.removal_grace");
    settings_.removal_grace_opaque = Duration("xds.ordering.removal_grace_opaque");
    settings_.listener_drain = Duration("xds.ordering.listener_drain");
    settings_.load_interval = Duration("xds.load_interval");
    ResolveAdminSocket();
    if (Text("validate.references") == "warn")
      settings_.references = Settings::DanglingReferences::kWarn;
    settings_.log_level = log::ParseLevel(Text("log.level")).value_or(log::Level::kInfo);
    settings_.log_format = log::ParseFormat(Text("log.format")).value_or(log::Format::kAuto);
  }

  const std::string& Text(absl::string_view key) const { return options_.Get(key).text; }

  int Integer(absl::string_view key) const {
    int number;
    SB_CHECK(absl::SimpleAtoi(Text(key), &number));  // checked when it was read
    return number;
  }

  absl::Duration Duration(absl::string_view key) const {
    absl::Duration duration;
    SB_CHECK(absl::ParseDuration(Text(key), &duration));  // checked when it was read
    return duration;
  }

  std::string Variable(const std::string& name) const {
    const auto it = sources_.environment.find(name);
    return it == sources_.environment.end() ? "" : it->second;
  }

  // Whether something about the option, or one below it, was wrong by itself: then what it would
  // not go with is not told.
  bool IsWrong(absl::string_view key) const {
    return std::any_of(
        options_.problems().begin(), options_.problems().end(), [&](const Problem& problem) {
          return problem.key == key || absl::StartsWith(problem.key, absl::StrCat(key, "."));
        });
  }

  Problem About(absl::string_view key, absl::string_view text) const {
    const Origin& origin = options_.Get(key).origin;
    const bool nowhere = origin.source == Origin::Source::kDefault;
    return {nowhere ? "" : origin.ToString(), std::string(key), absl::StrCat(key, ": ", text)};
  }
  void AddProblem(absl::string_view key, absl::string_view text) {
    problems_.push_back(About(key, text));
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

  void ResolveStore() {
    const std::string base = Base();
    ParsedStore parsed = ParseStore({
        .url = Text("store.url"),
        .driver = Text("store.driver"),
        .path = Text("store.path"),
        .host = Text("store.host"),
        .port = Text("store.port"),
        .user = Text("store.user"),
        .password = Text("store.password"),
        .password_file = Text("store.password_file"),
        .dbname = Text("store.dbname"),
        .sslmode = Text("store.sslmode"),
        .migrate = Text("store.migrate"),
        .pool_min = Integer("store.pool_min"),
        .pool_max = Integer("store.pool_max"),
        .replica_url = Text("store.replica_url"),
        .listen_url = Text("store.listen_url"),
        .slow_query = Duration("store.slow_query"),
        .allow_fsync_off = Text("store.allow_fsync_off") == "true",
        .instances = settings_.instances,
        .production = settings_.environment == "production",
        .default_directory = base.empty() ? "" : absl::StrCat(base, "/data"),
    });
    for (const StoreNote& note : parsed.problems) problems_.push_back(AboutStore(note));
    for (const StoreNote& note : parsed.warnings) {
      if (!IsPasswordInValueFile(note.key)) settings_.warnings.push_back(AboutStore(note));
    }
    settings_.store = std::move(parsed.settings);
  }

  // Whether the option is a url from a file that a variable names: that file may be as closed as
  // a password's own.
  bool IsPasswordInValueFile(absl::string_view key) const {
    const Origin& origin = options_.Get(key).origin;
    return FindOption(key)->type == Type::kUrl && origin.source == Origin::Source::kEnvironment &&
           absl::StrContains(origin.name, '=');
  }

  Problem AboutStore(const StoreNote& note) const {
    Problem problem = About(note.key, note.text);
    if (!note.other.empty()) {
      absl::StrAppend(&problem.text, " (", note.other, ": ",
                      options_.Get(note.other).origin.ToString(), ")");
    }
    return problem;
  }

  void ResolveStateDir() {
    settings_.state_dir = Text("state_dir");
    const SqliteSettings* const sqlite = settings_.store.sqlite();
    if (!settings_.state_dir.empty() || (sqlite != nullptr && sqlite->in_memory())) return;
    const bool said = !Text("store.url").empty() || !Text("store.path").empty();
    settings_.state_dir = sqlite != nullptr && said ? sqlite->directory : Base();
    if (settings_.state_dir.empty()) {
      AddProblem("state_dir",
                 "there is no default: HOME, XDG_STATE_HOME and STATE_DIRECTORY are unset; set "
                 "state_dir");
    }
  }

  void ResolveKeyFile() {
    settings_.key_file = Text("secrets.key_file");
    if (settings_.key_file.empty() && !settings_.state_dir.empty())
      settings_.key_file = absl::StrCat(settings_.state_dir, "/secrets.key");
  }

  void ResolveTls() {
    settings_.xds_tls_cert = Text("xds.tls.cert");
    settings_.xds_tls_key = Text("xds.tls.key");
    settings_.xds_tls_client_ca = Text("xds.tls.client_ca");
    const bool cert = !settings_.xds_tls_cert.empty(), key = !settings_.xds_tls_key.empty();
    if (cert && !key) AddProblem("xds.tls.cert", "its private key is missing; set xds.tls.key");
    if (key && !cert) AddProblem("xds.tls.key", "its certificate is missing; set xds.tls.cert");
    if (!settings_.xds_tls_client_ca.empty() && !cert && !key) {
      AddProblem("xds.tls.client_ca",
                 "without TLS no proxy shows a certificate; set xds.tls.cert and xds.tls.key");
    }
  }

  // `fit` says whether what is sent there may be seen beyond this machine; if not, `otherwise` and
  // the option `allow` say what to do.
  std::string Listen(absl::string_view key, bool fit, absl::string_view allow,
                     absl::string_view otherwise) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(Text(key));
    SB_CHECK(address.ok());  // checked when it was read
    if (!address->IsLoopback() && !fit && !IsWrong(allow)) {
      AddProblem(key, absl::StrCat(address->ToString(),
                                   " is reachable beyond this machine, in plaintext; ", otherwise,
                                   ", set ", allow, " = true"));
    }
    return address->ToString();
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
        AddProblem("admin.socket",
                   "there is no default: HOME and XDG_RUNTIME_DIR are unset; set admin.socket");
        return;
      }
      socket = absl::StrCat(base, "/admin.sock");
    }
    if (socket.size() > kMaxSocketPath) {
      AddProblem("admin.socket",
                 absl::StrCat("\"", socket, "\" has ", socket.size(),
                              " bytes; a socket's path has at most ", kMaxSocketPath));
    }
  }

  const Options& options_;
  const Sources& sources_;
  Settings settings_;
  std::vector<Problem> problems_;
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
  if (option.key == "secrets.key_file") return settings.key_file;
  if (option.key == "store.migrate") return std::string(MigrateName(settings.store.migrate));
  const bool has_default_store =
      settings.store.sqlite() != nullptr && options.Get("store.path").text.empty();
  if (option.key == "store.url" && has_default_store) return settings.store.ToString();
  return text;
}

}  // namespace signalbox::options
