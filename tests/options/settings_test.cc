#include "options/settings.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "options/options.h"
#include "options/store_settings.h"
#include "options/table.h"

namespace signalbox::options {
namespace {

using Flags = std::vector<std::pair<std::string, std::string>>;

Sources UserSources(const Flags& flags = {}) {
  return {.environment = {{"HOME", "/nonexistent/home"}, {"XDG_RUNTIME_DIR", "/run/user/1000"}},
          .flags = flags};
}

absl::StatusOr<Settings> Resolve(const Sources& sources) {
  return Settings::Resolve(Options::Read(sources), sources);
}

Settings MustResolve(const Sources& sources) {
  absl::StatusOr<Settings> settings = Resolve(sources);
  INFO(settings.status().ToString());
  REQUIRE(settings.ok());
  return *std::move(settings);
}

// Of SQLite's files; "" in memory.
std::string Directory(const Settings& settings) {
  REQUIRE(settings.store.sqlite() != nullptr);
  return settings.store.sqlite()->directory;
}

std::string ErrorOf(const Flags& flags) {
  const absl::StatusOr<Settings> settings = Resolve(UserSources(flags));
  if (settings.ok()) return "";
  CHECK(settings.status().code() == absl::StatusCode::kInvalidArgument);
  return std::string(settings.status().message());
}

TEST_CASE("with nothing said a daemon can start") {
  const Settings settings = MustResolve(UserSources());
  CHECK(settings.environment == "");
  CHECK(settings.instances == 1);
  CHECK(Directory(settings) == "/nonexistent/home/.local/state/signalbox/data");
  CHECK(settings.store.migrate == Migrate::kAuto);
  CHECK(settings.store.pool_min == 1);
  CHECK(settings.store.pool_max == 4);
  CHECK(settings.store.slow_query == absl::Milliseconds(100));
  CHECK(settings.key_file == "/nonexistent/home/.local/state/signalbox/secrets.key");
  CHECK(settings.warnings.empty());
  CHECK(settings.state_dir == "/nonexistent/home/.local/state/signalbox");
  CHECK(settings.xds_listen == "127.0.0.1:18000");
  CHECK_FALSE(settings.xds_insecure);
  CHECK(settings.ack_deadline == absl::Seconds(30));
  CHECK(settings.overrun_after == absl::Seconds(2));
  CHECK(settings.warm_timeout == absl::Seconds(20));
  CHECK(settings.hold_max == absl::Minutes(15));
  CHECK(settings.load_interval == absl::Seconds(10));
  CHECK(settings.xds_tls_cert == "");
  CHECK(settings.admin_socket == "/run/user/1000/signalbox/admin.sock");
  CHECK(settings.http_listen == "127.0.0.1:18080");
  CHECK_FALSE(settings.http_insecure);
  CHECK(settings.references == Settings::DanglingReferences::kRefuse);
  CHECK(settings.log_level == log::Level::kInfo);
  CHECK(settings.log_format == log::Format::kAuto);
}

TEST_CASE("references are refused or warned of, and nothing else") {
  CHECK(MustResolve(UserSources({{"validate.references", "warn"}})).references ==
        Settings::DanglingReferences::kWarn);
  CHECK(MustResolve(UserSources({{"validate.references", "refuse"}})).references ==
        Settings::DanglingReferences::kRefuse);
  CHECK(ErrorOf({{"validate.references", "wran"}}).find("did you mean \"warn\"?") !=
        std::string::npos);
}

TEST_CASE("state lies where the platform keeps it") {
  Sources sources = UserSources();
  sources.environment["XDG_STATE_HOME"] = "/s";
  CHECK(Directory(MustResolve(sources)) == "/s/signalbox/data");
  sources.environment["STATE_DIRECTORY"] = "/d:/e";
  CHECK(Directory(MustResolve(sources)) == "/d/data");
  CHECK(MustResolve(sources).state_dir == "/d");
  sources.environment.erase("XDG_RUNTIME_DIR");
  CHECK(MustResolve(sources).admin_socket == "/d/admin.sock");

  // A root without a file of its own: the machine's must not be read.
  Sources root = {.file = "/dev/null", .root = true};
  CHECK(Directory(MustResolve(root)) == "/var/lib/signalbox/data");
  CHECK(MustResolve(root).admin_socket == "/run/signalbox/admin.sock");
}

TEST_CASE("a url or a path says where the store and its state are") {
  const std::pair<Flags, std::pair<const char*, const char*>> cases[] = {
      {{{"store.url", "sqlite:////abs/dir"}}, {"/abs/dir", "/abs/dir"}},
      {{{"store.url", "sqlite:///rel/dir"}}, {"rel/dir", "rel/dir"}},
      {{{"store.path", "/p"}}, {"/p", "/p"}},
      {{{"store.path", "/p"}, {"store.driver", "sqlite"}}, {"/p", "/p"}},
      {{{"store.path", "/p"}, {"state_dir", "/s"}}, {"/p", "/s"}},
      {{{"state_dir", "/s"}}, {"/nonexistent/home/.local/state/signalbox/data", "/s"}},
  };
  for (const auto& [flags, want] : cases) {
    const Settings settings = MustResolve(UserSources(flags));
    CHECK(Directory(settings) == want.first);
    CHECK(settings.state_dir == want.second);
  }
  const Settings memory = MustResolve(UserSources({{"store.url", "sqlite::memory:"}}));
  CHECK(memory.store.sqlite()->in_memory());
  CHECK(memory.state_dir == "");
  CHECK(memory.key_file == "");
}

TEST_CASE("what does not fit together is refused, with where it was set") {
  const std::pair<Flags, const char*> cases[] = {
      {{{"xds.listen", "0.0.0.0:18000"}},
       "--xds.listen: xds.listen: 0.0.0.0:18000 is reachable beyond this machine, in plaintext; "
       "set "
       "xds.tls.cert and xds.tls.key; if it is meant, set xds.insecure = true"},
      {{{"xds.tls.cert", "/c"}},
       "--xds.tls.cert: xds.tls.cert: its private key is missing; set xds.tls.key"},
      {{{"xds.tls.key", "/k"}},
       "--xds.tls.key: xds.tls.key: its certificate is missing; set xds.tls.cert"},
      {{{"xds.tls.client_ca", "/a"}},
       "--xds.tls.client-ca: xds.tls.client_ca: without TLS no proxy shows a certificate; set "
       "xds.tls.cert and xds.tls.key"},
      {{{"http.listen", "[::]:80"}},
       "--http.listen: http.listen: [::]:80 is reachable beyond this machine, in plaintext; if "
       "that "
       "is meant, set http.insecure = true"},
      {{{"xds.listen", "127.0.0.1:18080"}},
       "http.listen: 127.0.0.1:18080 is the address of xds.listen too"},
      {{{"store.url", "sqlite:///a"}, {"store.path", "b"}},
       "--store.path: store.path: store.url is set too; set one of them (store.url: --store.url)"},
      {{{"store.pool_min", "5"}},
       "--store.pool-min: store.pool_min: is 5, above store.pool_max, which is 4; it must be from "
       "1 "
       "to that (store.pool_max: default)"},
      {{{"store.replica_url", "postgres://h/d"}, {"instances", "2"}},
       "--store.replica-url: store.replica_url: the store is SQLite, which has no replicas; leave "
       "it out, or move to PostgreSQL: store.url = \"postgres://USER@HOST/DATABASE\"\n"
       "--instances: instances: is 2, and the store is SQLite, which one instance owns; set "
       "instances = 1, or move to PostgreSQL: store.url = \"postgres://USER@HOST/DATABASE\""},
      {{{"xds.listen", "10.0.0.1:1"}, {"http.listen", "10.0.0.1:2"}},
       "--xds.listen: xds.listen: 10.0.0.1:1 is reachable beyond this machine, in plaintext; set "
       "xds.tls.cert and xds.tls.key; if it is meant, set xds.insecure = true\n"
       "--http.listen: http.listen: 10.0.0.1:2 is reachable beyond this machine, in plaintext; if "
       "that is meant, set http.insecure = true"},
  };
  for (const auto& [flags, want] : cases) CHECK(ErrorOf(flags) == want);
}

TEST_CASE("what is wrong by itself and what does not fit are told at once") {
  CHECK(ErrorOf({{"log.level", "loud"}, {"xds.listen", "0.0.0.0:1"}}) ==
        "--log.level: log.level must be one of debug, info, warning, error, not \"loud\"\n"
        "--xds.listen: xds.listen: 0.0.0.0:1 is reachable beyond this machine, in plaintext; set "
        "xds.tls.cert and xds.tls.key; if it is meant, set xds.insecure = true");
}

TEST_CASE("what is wrong by itself is not blamed for what follows") {
  CHECK(ErrorOf({{"xds.insecure", "yes"}, {"xds.listen", "0.0.0.0:1"}}) ==
        "--xds.insecure: xds.insecure must be true or false, not \"yes\"");
  CHECK(ErrorOf({{"store.port", "x"}, {"store.host", "h"}}) ==
        "--store.port: store.port must be a number from 1 to 65535, not \"x\"");
  CHECK(ErrorOf({{"instances", "x"}}) ==
        "--instances: instances must be a number from 1 to 100, not \"x\"");
}

TEST_CASE("after a file that cannot be read nothing else is blamed") {
  Sources sources = UserSources({{"xds.listen", "0.0.0.0:1"}});
  sources.file = "/nonexistent/file";
  CHECK(Resolve(sources).status().message() == "no such file: /nonexistent/file");
}

TEST_CASE("a PostgreSQL keeps its state where the platform does") {
  const Settings settings = MustResolve(UserSources({{"store.url", "postgres://u@h/d"}}));
  CHECK(settings.store.postgres()->primary.ToString() == "postgres://u@h/d");
  CHECK(settings.state_dir == "/nonexistent/home/.local/state/signalbox");
  CHECK(Resolve({.flags = {{"store.url", "postgres://u@h/d"}, {"admin.socket", "/s"}}})
            .status()
            .message() ==
        "state_dir: there is no default: HOME, XDG_STATE_HOME and STATE_DIRECTORY are unset; set "
        "state_dir");
}

TEST_CASE("a password that everyone may see is warned of, and never shown") {
  const Flags flags = {{"store.url", "postgres://u:secret@h/d"},
                       {"store.replica_url", "postgres://h/d?password=secret"}};
  const Settings settings = MustResolve(UserSources(flags));
  REQUIRE(settings.warnings.size() == 2);
  CHECK(settings.warnings[0].ToString() ==
        "--store.url: store.url: the password in it is seen by whoever sees the url; put it into a "
        "file and name that in store.password_file");
  CHECK(settings.warnings[1].key == "store.replica_url");
  const Options options = Options::Read(UserSources(flags));
  CHECK(Shown(*FindOption("store.url"), options, settings) == "postgres://u:***@h/d");
  CHECK(Shown(*FindOption("store.replica_url"), options, settings) ==
        "postgres://h/d?password=***");
}

TEST_CASE("production on SQLite is warned of, with the thresholds") {
  const Settings settings = MustResolve(UserSources({{"environment", "production"}}));
  REQUIRE(settings.warnings.size() == 1);
  CHECK(settings.warnings[0].ToString() ==
        "--environment: environment: \"production\" on SQLite, which is one instance with one "
        "writer; move to PostgreSQL (store.url = \"postgres://USER@HOST/DATABASE\") beyond any of: "
        "jobs/min > 500, audit > 10 GB, p95 write > 200 ms, sessions > 100");
  CHECK(MustResolve(UserSources({{"environment", "production"}, {"store.url", "postgres://u@h/d"}}))
            .warnings.empty());
}

TEST_CASE(
    "plaintext beyond loopback is served when it is meant, and ports may be chosen by the system") {
  CHECK(MustResolve(UserSources({{"xds.listen", "0.0.0.0:18000"}, {"xds.insecure", "true"}}))
            .xds_listen == "0.0.0.0:18000");
  CHECK(MustResolve(UserSources({{"xds.listen", "127.0.0.1:0"}, {"http.listen", "127.0.0.1:0"}}))
            .http_listen == "127.0.0.1:0");
}

TEST_CASE("with TLS proxies may come from beyond this machine") {
  const Settings settings = MustResolve(UserSources({{"xds.listen", "0.0.0.0:18000"},
                                                     {"xds.tls.cert", "/c"},
                                                     {"xds.tls.key", "/k"},
                                                     {"xds.tls.client_ca", "/a"}}));
  CHECK(settings.xds_listen == "0.0.0.0:18000");
  CHECK(settings.xds_tls_cert == "/c");
  CHECK(settings.xds_tls_key == "/k");
  CHECK(settings.xds_tls_client_ca == "/a");
  CHECK_FALSE(settings.xds_insecure);
}

TEST_CASE("a socket's path must fit") {
  const std::string longest(107, 'x');
  CHECK(MustResolve(UserSources({{"admin.socket", longest}})).admin_socket == longest);
  CHECK(Resolve(UserSources({{"admin.socket", longest + "x"}})).status().message() ==
        "--admin.socket: admin.socket: \"" + longest +
            "x\" has 108 bytes; a socket's path has at most 107");
}

TEST_CASE("without a home what is needed must be said") {
  CHECK(Resolve({}).status().message() ==
        "store.url: there is no default: HOME, XDG_STATE_HOME and STATE_DIRECTORY are "
        "unset; set store.url\n"
        "admin.socket: there is no default: HOME and XDG_RUNTIME_DIR are unset; set "
        "admin.socket");
  CHECK(MustResolve({.flags = {{"store.path", "/p"}}}).admin_socket == "/p/admin.sock");
}

TEST_CASE("what is shown is what is in effect") {
  const Sources sources = UserSources({{"log.level", "debug"}});
  const Options options = Options::Read(sources);
  const Settings settings = *Settings::Resolve(options, sources);
  const std::map<std::string, std::string> want = {
      {"log.level", "debug"},
      {"store.url", "sqlite:////nonexistent/home/.local/state/signalbox/data"},
      {"state_dir", "/nonexistent/home/.local/state/signalbox"},
      {"admin.socket", "/run/user/1000/signalbox/admin.sock"},
      {"store.driver", ""},
      {"store.migrate", "auto"},
      {"secrets.key_file", "/nonexistent/home/.local/state/signalbox/secrets.key"},
      {"xds.listen", "127.0.0.1:18000"},
  };
  for (const auto& [key, text] : want) CHECK(Shown(*FindOption(key), options, settings) == text);
}

}  // namespace
}  // namespace signalbox::options
