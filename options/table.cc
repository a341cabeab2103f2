#include "options/table.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "options/limits.h"

namespace signalbox::options {

const std::vector<Option>& Table() {
  static const auto* const kTable = new std::vector<Option>{
      {.key = "state_dir",
       .type = Type::kPath,
       .otherwise = "",
       .help = "the daemon's own files; the directory of a SQLite store unless given"},
      {.key = "environment",
       .type = Type::kText,
       .otherwise = "",
       .help = "\"production\" warns of what is not fit for it"},
      {.key = "instances",
       .type = Type::kInteger,
       .otherwise = "1",
       .help = "how many daemons are to share the store; more than one needs PostgreSQL",
       .least = 1,
       .most = kMaxInstances},
      {.key = "store.url",
       .type = Type::kUrl,
       .otherwise = "",
       .help = "sqlite:///relative, sqlite:////absolute, sqlite::memory: or "
               "postgres://USER@HOST/DATABASE?sslmode=verify-full"},
      {.key = "store.driver",
       .type = Type::kChoice,
       .otherwise = "",
       .help = "a check: what the store must be",
       .choices = {"sqlite", "postgres"}},
      {.key = "store.path",
       .type = Type::kPath,
       .otherwise = "",
       .help = "SQLite, instead of a url: the directory of its files"},
      {.key = "store.host",
       .type = Type::kText,
       .otherwise = "",
       .help = "PostgreSQL, instead of a url: the server, or the directory of its Unix socket"},
      {.key = "store.port",
       .type = Type::kInteger,
       .otherwise = "",
       .help = "PostgreSQL, instead of a url: its port; 5432 unless given",
       .least = 1,
       .most = 65535},
      {.key = "store.user",
       .type = Type::kText,
       .otherwise = "",
       .help = "PostgreSQL, instead of a url: the role to connect as"},
      {.key = "store.password",
       .type = Type::kSecret,
       .otherwise = "",
       .help = "PostgreSQL: the role's password"},
      {.key = "store.password_file",
       .type = Type::kPath,
       .otherwise = "",
       .help = "PostgreSQL: a file that holds the role's password, closed to others"},
      {.key = "store.dbname",
       .type = Type::kText,
       .otherwise = "",
       .help = "PostgreSQL, instead of a url: the database"},
      {.key = "store.sslmode",
       .type = Type::kChoice,
       .otherwise = "",
       .help = "PostgreSQL, instead of a url: TLS, as libpq understands it",
       .choices = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}},
      {.key = "store.migrate",
       .type = Type::kChoice,
       .otherwise = "",
       .help = "an older schema at start: auto migrates it, require refuses it with the command to "
               "run, off goes on with it; auto on SQLite and require on PostgreSQL unless given",
       .choices = {"auto", "require", "off"}},
      {.key = "store.pool_min",
       .type = Type::kInteger,
       .otherwise = "1",
       .help = "connections that read, at least; SQLite has pool_max of them always",
       .least = 1,
       .most = kMaxPool},
      {.key = "store.pool_max",
       .type = Type::kInteger,
       .otherwise = "4",
       .help = "connections that read, at most",
       .least = 1,
       .most = kMaxPool},
      {.key = "store.replica_url",
       .type = Type::kUrl,
       .otherwise = "",
       .help = "PostgreSQL: a read replica, for lists"},
      {.key = "store.listen_url",
       .type = Type::kUrl,
       .otherwise = "",
       .help = "PostgreSQL: the direct connection, where url is a pooler's"},
      {.key = "store.slow_query",
       .type = Type::kDuration,
       .otherwise = "100ms",
       .help = "a query that takes longer is logged, with the statement's name",
       .reload = Reload::kLive},
      {.key = "store.allow_fsync_off",
       .type = Type::kBool,
       .otherwise = "false",
       .help = "PostgreSQL: a server with fsync=off, which loses what it acknowledged, is meant"},
      {.key = "secrets.key_file",
       .type = Type::kPath,
       .otherwise = "",
       .help = "the key that seals secrets; secrets.key in state_dir unless given"},
      {.key = "xds.listen",
       .type = Type::kListen,
       .otherwise = "127.0.0.1:18000",
       .help = "the discovery services"},
      {.key = "xds.insecure",
       .type = Type::kBool,
       .otherwise = "false",
       .help = "plaintext discovery beyond loopback is meant"},
      {.key = "xds.ack_deadline",
       .type = Type::kDuration,
       .otherwise = "30s",
       .help = "a proxy that has not answered by then is stale"},
      {.key = "xds.load_interval",
       .type = Type::kDuration,
       .otherwise = "10s",
       .help = "how often proxies that report their load (LRS) are to do so"},
      {.key = "xds.tls.cert",
       .type = Type::kPath,
       .otherwise = "",
       .help = "TLS for proxies: the certificate and what it is signed by, in PEM form; read again "
               "when it changes"},
      {.key = "xds.tls.key",
       .type = Type::kPath,
       .otherwise = "",
       .help = "TLS for proxies: the certificate's private key, in PEM form; read again when it "
               "changes"},
      {.key = "xds.tls.client_ca",
       .type = Type::kPath,
       .otherwise = "",
       .help = "TLS for proxies: who must have signed a proxy's own certificate, in PEM form; "
               "without it a proxy needs none"},
      {.key = "xds.max_stream_age.base",
       .type = Type::kDuration,
       .otherwise = "30m",
       .help = "how old a discovery stream becomes; its proxy opens another one and loses nothing"},
      {.key = "xds.max_stream_age.jitter_percent",
       .type = Type::kInteger,
       .otherwise = "50",
       .help = "by how much that is more or less, so that proxies do not come back all at once",
       .least = 0,
       .most = 100},
      {.key = "xds.ordering.overrun_after",
       .type = Type::kDuration,
       .otherwise = "2s",
       .help = "how long a type waits for the acknowledgement of the one before it"},
      {.key = "xds.ordering.warm_timeout",
       .type = Type::kDuration,
       .otherwise = "20s",
       .help = "how long clusters may warm before what follows is sent"},
      {.key = "xds.ordering.removal_grace",
       .type = Type::kDuration,
       .otherwise = "5s",
       .help = "how long a removed cluster stays at a proxy after nothing refers to it any more"},
      {.key = "xds.ordering.removal_grace_opaque",
       .type = Type::kDuration,
       .otherwise = "60s",
       .help = "the same, where something may use clusters that it does not name (cluster_header, "
               "Lua, ext_proc, ...)"},
      {.key = "xds.ordering.listener_drain",
       .type = Type::kDuration,
       .otherwise = "10m",
       .help =
           "the same, where a listener referred to it itself: what Envoy has as --drain-time-s"},
      {.key = "xds.ordering.hold_max",
       .type = Type::kDuration,
       .otherwise = "15m",
       .help = "how long a resource is held back at most"},
      {.key = "admin.socket",
       .type = Type::kPath,
       .otherwise = "",
       .help = "the Unix socket of the admin API"},
      {.key = "http.listen",
       .type = Type::kListen,
       .otherwise = "127.0.0.1:18080",
       .help = "health and metrics over HTTP"},
      {.key = "http.insecure",
       .type = Type::kBool,
       .otherwise = "false",
       .help = "plaintext HTTP beyond loopback is meant"},
      {.key = "validate.references",
       .type = Type::kChoice,
       .otherwise = "refuse",
       .help = "a change that leaves a listener, route or cluster without a route or cluster that "
               "it names; warn is for proxies with clusters in their bootstrap",
       .choices = {"refuse", "warn"}},
      {.key = "log.level",
       .type = Type::kChoice,
       .otherwise = "info",
       .help = "the least that is logged",
       .choices = {"debug", "info", "warning", "error"},
       .reload = Reload::kLive},
      {.key = "log.format",
       .type = Type::kChoice,
       .otherwise = "auto",
       .help = "auto is pretty on a terminal and JSON otherwise",
       .choices = {"auto", "pretty", "json"},
       .reload = Reload::kLive},
  };
  return *kTable;
}

const Option* FindOption(absl::string_view key) {
  for (const Option& option : Table()) {
    if (option.key == key) return &option;
  }
  return nullptr;
}

bool IsEnvironmentOnly(const Option& option) { return option.type == Type::kSecret; }

std::string EnvironmentName(const Option& option) {
  return absl::StrCat("SIGNALBOX_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(option.key, {{".", "_"}})));
}

std::string FlagName(const Option& option) { return absl::StrReplaceAll(option.key, {{"_", "-"}}); }

std::string ValueName(const Option& option) {
  switch (option.type) {
    case Type::kText:
      return "TEXT";
    case Type::kBool:
      return "";
    case Type::kInteger:
      return "N";
    case Type::kDuration:
      return "DURATION";
    case Type::kChoice:
      return absl::StrJoin(option.choices, "|");
    case Type::kListen:
      return "HOST:PORT";
    case Type::kPath:
      return "PATH";
    case Type::kUrl:
      return "URL";
    case Type::kSecret:
      return "SECRET";
  }
  return "";
}

}  // namespace signalbox::options
