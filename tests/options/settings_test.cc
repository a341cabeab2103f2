#include "options/settings.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "options/options.h"
#include "options/table.h"

namespace signalbox::options {
namespace {

using Flags = std::vector<std::pair<std::string, std::string>>;

Sources UserSources(const Flags& flags = {}) {
  return {.environment = {{"HOME", "/nonexistent/home"}, {"XDG_RUNTIME_DIR", "/run/user/1000"}},
          .flags = flags};
}

absl::StatusOr<Settings> Resolve(const Sources& sources) {
  const absl::StatusOr<Options> options = Options::Load(sources);
  INFO(options.status().ToString());
  REQUIRE(options.ok());
  return Settings::Resolve(*options, sources);
}

Settings MustResolve(const Sources& sources) {
  absl::StatusOr<Settings> settings = Resolve(sources);
  INFO(settings.status().ToString());
  REQUIRE(settings.ok());
  return *std::move(settings);
}

TEST_CASE("with nothing said a daemon can start") {
  const Settings settings = MustResolve(UserSources());
  CHECK(settings.environment == "");
  CHECK(settings.store.kind == StoreSettings::Kind::kSqlite);
  CHECK(settings.store.directory == "/nonexistent/home/.local/state/signalbox/data");
  CHECK(settings.state_dir == "/nonexistent/home/.local/state/signalbox");
  CHECK(settings.xds_listen == "127.0.0.1:18000");
  CHECK_FALSE(settings.xds_insecure);
  CHECK(settings.ack_deadline == absl::Seconds(30));
  CHECK(settings.overrun_after == absl::Seconds(2));
  CHECK(settings.warm_timeout == absl::Seconds(20));
  CHECK(settings.hold_max == absl::Minutes(15));
  CHECK(settings.admin_socket == "/run/user/1000/signalbox/admin.sock");
  CHECK(settings.http_listen == "127.0.0.1:18080");
  CHECK_FALSE(settings.http_insecure);
  CHECK(settings.log_level == log::Level::kInfo);
  CHECK(settings.log_format == log::Format::kAuto);
}

TEST_CASE("state lies where the platform keeps it") {
  Sources sources = UserSources();
  sources.environment["XDG_STATE_HOME"] = "/s";
  CHECK(MustResolve(sources).store.directory == "/s/signalbox/data");
  sources.environment["STATE_DIRECTORY"] = "/d:/e";
  CHECK(MustResolve(sources).store.directory == "/d/data");
  CHECK(MustResolve(sources).state_dir == "/d");
  sources.environment.erase("XDG_RUNTIME_DIR");
  CHECK(MustResolve(sources).admin_socket == "/d/admin.sock");

  // A root without a file of its own: the machine's must not be read.
  Sources root = {.file = "/dev/null", .root = true};
  CHECK(MustResolve(root).store.directory == "/var/lib/signalbox/data");
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
    CHECK(settings.store.directory == want.first);
    CHECK(settings.state_dir == want.second);
  }
  const Settings memory = MustResolve(UserSources({{"store.url", "sqlite::memory:"}}));
  CHECK(memory.store.kind == StoreSettings::Kind::kSqliteInMemory);
  CHECK(memory.store.directory == "");
  CHECK(memory.state_dir == "");
}

TEST_CASE("what does not fit together is refused, with the key and where it was set") {
  const std::pair<Flags, const char*> cases[] = {
      {{{"xds.listen", "0.0.0.0:18000"}},
       "xds.listen (--xds.listen): 0.0.0.0:18000 is reachable beyond this machine, in plaintext; "
       "if that is meant, set "
       "xds.insecure = true"},
      {{{"http.listen", "[::]:80"}},
       "http.listen (--http.listen): [::]:80 is reachable beyond this machine, in plaintext; if "
       "that is meant, set "
       "http.insecure = true"},
      {{{"xds.listen", "127.0.0.1:18080"}},
       "http.listen (default): 127.0.0.1:18080 is the address of xds.listen too"},
      {{{"store.url", "postgres://u:secret@h/db"}},
       "store.url (--store.url): \"postgres://u:***@h/db\" is PostgreSQL, and this build serves "
       "SQLite only; it is "
       "sqlite:///relative, sqlite:////absolute or sqlite::memory:"},
      {{{"store.url", "sqlite://x"}},
       "store.url (--store.url): \"sqlite://x\" is not understood; it is sqlite:///relative, "
       "sqlite:////absolute or "
       "sqlite::memory:"},
      {{{"store.url", "sqlite:///"}},
       "store.url (--store.url): \"sqlite:///\" is not understood; it is sqlite:///relative, "
       "sqlite:////absolute or "
       "sqlite::memory:"},
      {{{"store.url", "sqlite:///a?mode=ro"}},
       "store.url (--store.url): \"sqlite:///a?mode=ro\" has parameters, and SQLite takes none"},
      {{{"store.url", "sqlite:///a"}, {"store.path", "b"}},
       "store.path (--store.path): store.url is set too (--store.url); set one of them"},
      {{{"store.driver", "postgres"}},
       "store.driver (--store.driver): \"postgres\" is not served by this build, which serves "
       "SQLite only"},
      {{{"store.driver", "mysql"}},
       "store.driver (--store.driver): \"mysql\" is not a driver; this build serves \"sqlite\""},
      {{{"xds.listen", "10.0.0.1:1"}, {"http.listen", "10.0.0.1:2"}},
       "xds.listen (--xds.listen): 10.0.0.1:1 is reachable beyond this machine, in plaintext; if "
       "that is meant, set "
       "xds.insecure = true\n"
       "http.listen (--http.listen): 10.0.0.1:2 is reachable beyond this machine, in plaintext; if "
       "that is meant, set "
       "http.insecure = true"},
  };
  for (const auto& [flags, want] : cases) {
    const absl::StatusOr<Settings> settings = Resolve(UserSources(flags));
    INFO(want);
    REQUIRE_FALSE(settings.ok());
    CHECK(settings.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(settings.status().message() == want);
  }
}

TEST_CASE(
    "plaintext beyond loopback is served when it is meant, and ports may be chosen by the system") {
  CHECK(MustResolve(UserSources({{"xds.listen", "0.0.0.0:18000"}, {"xds.insecure", "true"}}))
            .xds_listen == "0.0.0.0:18000");
  CHECK(MustResolve(UserSources({{"xds.listen", "127.0.0.1:0"}, {"http.listen", "127.0.0.1:0"}}))
            .http_listen == "127.0.0.1:0");
}

TEST_CASE("a socket's path must fit") {
  const std::string longest(107, 'x');
  CHECK(MustResolve(UserSources({{"admin.socket", longest}})).admin_socket == longest);
  CHECK(Resolve(UserSources({{"admin.socket", longest + "x"}})).status().message() ==
        "admin.socket (--admin.socket): \"" + longest +
            "x\" has 108 bytes; a socket's path has at most 107");
}

TEST_CASE("without a home what is needed must be said") {
  CHECK(Resolve({}).status().message() ==
        "store.url (default): there is no default: HOME, XDG_STATE_HOME and STATE_DIRECTORY are "
        "unset; set store.url\n"
        "admin.socket (default): there is no default: HOME and XDG_RUNTIME_DIR are unset; set "
        "admin.socket");
  CHECK(MustResolve({.flags = {{"store.path", "/p"}}}).admin_socket == "/p/admin.sock");
}

TEST_CASE("what is shown is what is in effect") {
  const Sources sources = UserSources({{"log.level", "debug"}});
  const Options options = *Options::Load(sources);
  const Settings settings = *Settings::Resolve(options, sources);
  const std::map<std::string, std::string> want = {
      {"log.level", "debug"},
      {"store.url", "sqlite:////nonexistent/home/.local/state/signalbox/data"},
      {"state_dir", "/nonexistent/home/.local/state/signalbox"},
      {"admin.socket", "/run/user/1000/signalbox/admin.sock"},
      {"store.driver", ""},
      {"xds.listen", "127.0.0.1:18000"},
  };
  for (const auto& [key, text] : want) CHECK(Shown(*FindOption(key), options, settings) == text);
}

}  // namespace
}  // namespace signalbox::options
