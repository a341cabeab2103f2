#include "options/store_settings.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"

namespace signalbox::options {
namespace {

constexpr char kForms[] =
    "; it is sqlite:///relative, sqlite:////absolute, sqlite::memory: or "
    "postgres://USER@HOST/DATABASE";

// A line for each: "KEY: TEXT", and " (OTHER)" when it does not go with another option.
std::string Lines(const std::vector<StoreNote>& notes) {
  std::string lines;
  for (const StoreNote& note : notes) {
    absl::StrAppend(&lines, lines.empty() ? "" : "\n", note.key, ": ", note.text,
                    note.other.empty() ? "" : absl::StrCat(" (", note.other, ")"));
  }
  return lines;
}

std::string Problems(const StoreText& text) { return Lines(ParseStore(text).problems); }

StoreSettings MustParse(const StoreText& text) {
  const ParsedStore parsed = ParseStore(text);
  CHECK(Lines(parsed.problems) == "");
  return parsed.settings;
}

TEST_CASE("with nothing said the store is SQLite in its default directory") {
  const StoreSettings settings = MustParse({.default_directory = "/base/data"});
  REQUIRE(settings.sqlite() != nullptr);
  CHECK(settings.sqlite()->directory == "/base/data");
  CHECK(settings.postgres() == nullptr);
  CHECK(settings.migrate == Migrate::kAuto);
  CHECK(settings.ToString() == "sqlite:////base/data");
  CHECK(Problems({}) ==
        "store.url: there is no default: HOME, XDG_STATE_HOME and STATE_DIRECTORY are unset; set "
        "store.url");
}

TEST_CASE("SQLite's urls say a directory or memory") {
  CHECK(MustParse({.url = "sqlite:///a/b"}).sqlite()->directory == "a/b");
  CHECK(MustParse({.url = "sqlite:////a/b"}).sqlite()->directory == "/a/b");
  CHECK(MustParse({.url = "sqlite::memory:"}).sqlite()->in_memory());
  CHECK(MustParse({.url = "sqlite::memory:"}).ToString() == "sqlite::memory:");
  CHECK(MustParse({.path = "a/b"}).sqlite()->directory == "a/b");
  CHECK(MustParse({.url = "sqlite:///a", .driver = "sqlite"}).sqlite()->directory == "a");
  CHECK(MustParse({.driver = "sqlite", .default_directory = "/d"}).sqlite()->directory == "/d");
}

TEST_CASE("a url that is none is told what would be right") {
  const auto sqlite = [](const std::string& path) {
    return "; write sqlite:///" + path + " for a relative path or sqlite:////" + path +
           " for an absolute one";
  };
  const std::pair<const char*, std::string> cases[] = {
      {"sqlite://data/dir",
       "has two slashes after the colon, which makes \"data\" a host, and SQLite has none" +
           sqlite("data/dir")},
      {"sqlite://data",
       "has two slashes after the colon, which makes \"data\" a host, and SQLite has none" +
           sqlite("data")},
      {"sqlite://h:5432/dir", "names a host, and SQLite has none" + sqlite("DIRECTORY") +
                                  ", or store.url = \"postgres://USER@HOST/DATABASE\""},
      {"sqlite://u@h/dir", "names a host, and SQLite has none" + sqlite("DIRECTORY") +
                               ", or store.url = \"postgres://USER@HOST/DATABASE\""},
      {"sqlite://", std::string("has no path") + kForms},
      {"sqlite:///", std::string("has no path") + kForms},
      {"sqlite:////", std::string("has no path") + kForms},
      {"sqlite:/a", "needs three slashes after the colon" + sqlite("a")},
      {"sqlite:a", "needs three slashes after the colon" + sqlite("a")},
      {"sqlite:///a?mode=ro",
       "has parameters, and SQLite takes none; leave out what begins with \"?\" or \"#\""},
      {"sqlite:////a#b",
       "has parameters, and SQLite takes none; leave out what begins with \"?\" or \"#\""},
      {"sqlite:///:memory:", "is not understood; in memory it is sqlite::memory:"},
      {"sqlite:memory:", "is not understood; in memory it is sqlite::memory:"},
      {"sqlite::memory", "is not understood; in memory it is sqlite::memory:"},
      {"/var/lib/signalbox", std::string("has no scheme") + kForms},
      {"data", std::string("has no scheme") + kForms},
      {"host=h dbname=d:e", std::string("has no scheme") + kForms},
      {"mysql://h/d", std::string("has the scheme \"mysql\", which is no kind of store") + kForms},
      {"postgre://h/d",
       std::string("has the scheme \"postgre\", which is no kind of store; did you mean "
                   "\"postgres\"?") +
           kForms},
      {"SQLite:///a",
       std::string("has the scheme \"SQLite\", which is no kind of store; did you mean "
                   "\"sqlite\"?") +
           kForms},
      {"sqlite3:///a",
       std::string("has the scheme \"sqlite3\", which is no kind of store; did you mean "
                   "\"sqlite\"?") +
           kForms},
      {"postgres:/h/d",
       "needs two slashes after the colon; write store.url = \"postgres://USER@HOST/DATABASE\""},
      {"postgres://h:99999/d", "has the port \"99999\"; a port is a number from 1 to 65535"},
      {"postgresql://h", "names no database; the form is postgres://USER@HOST:PORT/DATABASE"},
  };
  for (const auto& [url, want] : cases)
    CHECK(Problems({.url = url}) == absl::StrCat("store.url: \"", url, "\" ", want));
}

TEST_CASE("a path that is none is told what would be right") {
  CHECK(
      Problems({.path = ":memory:"}) ==
      "store.path: \":memory:\" is no directory; in memory it is store.url = \"sqlite::memory:\"");
  CHECK(Problems({.path = "sqlite:///a"}) ==
        "store.path: \"sqlite:///a\" is no directory; a url belongs into store.url");
}

TEST_CASE("no problem and no warning holds a password") {
  for (const char* url :
       {"sqlite://u:secret@h/d", "sqlite:u:secret@h", "mysql://u:secret@h/d", "u:secret@h/d",
        "host=h password=secret", "host=h:1 password=secret", "postgres:u:secret@h",
        "postgres://u:secret@h", "postgres://u:secret@h:x/d", "postgres://u:secret@h/d?sslmod=x",
        "postgres://u:secret@h/d", "sqlite://h?password=secret",
        "postgres://u:secret@h/d?target_session_attrs=standby"}) {
    for (const StoreText& text : {StoreText{.url = url, .replica_url = url, .listen_url = url},
                                  StoreText{.path = url}, StoreText{.host = url}}) {
      const ParsedStore parsed = ParseStore(text);
      const std::string said = Lines(parsed.problems) + Lines(parsed.warnings);
      INFO(said);
      CHECK(said.find("secret") == std::string::npos);
      CHECK((text.path == url || said != ""));
    }
  }
}

TEST_CASE("PostgreSQL is said by a url or by its fields") {
  const StoreText by_url = {.url = "postgres://u@h:5433/d?sslmode=require"};
  const StoreText by_fields = {
      .host = "h", .port = "5433", .user = "u", .dbname = "d", .sslmode = "require"};
  CHECK(MustParse(by_url) == MustParse(by_fields));
  CHECK(MustParse(by_fields).migrate == Migrate::kRequire);
  CHECK(MustParse(by_fields).ToString() == "postgres://u@h:5433/d");
  CHECK(MustParse({.driver = "postgres", .host = "/run/pg", .user = "u", .dbname = "d"})
            .postgres()
            ->primary.Get("host") == "/run/pg");
}

TEST_CASE("each field that is missing is named") {
  CHECK(Problems({.driver = "postgres"}) ==
        "store.host: is missing, and the store is PostgreSQL; set it to the server's name or "
        "address, or to the directory of its Unix socket\n"
        "store.user: is missing, and the store is PostgreSQL; set it to the role to connect as\n"
        "store.dbname: is missing, and the store is PostgreSQL; set it to the database");
  CHECK(Problems({.host = "h", .user = "u"}) ==
        "store.dbname: is missing, and the store is PostgreSQL; set it to the database");
  CHECK(Problems({.host = "h", .dbname = "d", .default_directory = "/d"}) ==
        "store.user: is missing, and the store is PostgreSQL; set it to the role to connect as");
  CHECK(Problems({.host = "postgres://h/d", .user = "u", .dbname = "d"}) ==
        "store.host: \"postgres://h/d\" is a url; it belongs into store.url");
  CHECK(Problems({.host = "u@h", .user = "u", .dbname = "d"}) ==
        "store.host: \"u@h\" is no host's name; the role belongs into store.user");
}

TEST_CASE("a url and fields do not go together") {
  CHECK(Problems({.url = "postgres://u@h/d",
                  .path = "p",
                  .host = "h",
                  .port = "1",
                  .user = "u",
                  .dbname = "d",
                  .sslmode = "require"}) ==
        "store.host: store.url is set too; set one of them (store.url)\n"
        "store.port: store.url is set too; set one of them (store.url)\n"
        "store.user: store.url is set too; set one of them (store.url)\n"
        "store.dbname: store.url is set too; set one of them (store.url)\n"
        "store.sslmode: store.url is set too; set one of them (store.url)\n"
        "store.path: is SQLite's, and store.url is PostgreSQL's; set one of them (store.url)");
  CHECK(Problems({.url = "sqlite:///a", .path = "p", .host = "h", .password_file = "f"}) ==
        "store.path: store.url is set too; set one of them (store.url)\n"
        "store.host: store.url is set too; set one of them (store.url)\n"
        "store.password_file: is PostgreSQL's, and store.url is SQLite's; set one of them "
        "(store.url)");
  CHECK(Problems({.path = "p", .host = "h"}) ==
        "store.host: is PostgreSQL's, and store.path is SQLite's; set one of them (store.path)");
}

TEST_CASE("a driver must agree with what says where the store is") {
  CHECK(Problems({.url = "sqlite:///a", .driver = "postgres"}) ==
        "store.driver: is \"postgres\", and store.url is SQLite's; set store.url = "
        "\"postgres://USER@HOST/DATABASE\", or leave store.driver out (store.url)");
  CHECK(Problems({.driver = "postgres", .path = "a"}) ==
        "store.driver: is \"postgres\", and store.path is SQLite's; set store.url = "
        "\"postgres://USER@HOST/DATABASE\", or leave store.driver out (store.path)");
  CHECK(Problems({.url = "postgres://u@h/d", .driver = "sqlite"}) ==
        "store.driver: is \"sqlite\", and store.url is PostgreSQL's; set store.driver = "
        "\"postgres\", or a url of SQLite's (store.url)");
  CHECK(Problems({.driver = "sqlite", .host = "h", .user = "u", .dbname = "d"}) ==
        "store.driver: is \"sqlite\", and the fields of store are PostgreSQL's; set store.driver = "
        "\"postgres\", or a url of SQLite's");
}

TEST_CASE("a password comes from one place, and from the url with a warning") {
  const ParsedStore in_url = ParseStore({.url = "postgres://u:secret@h/d"});
  CHECK(in_url.problems.empty());
  CHECK(Lines(in_url.warnings) ==
        "store.url: the password in it is seen by whoever sees the url; put it into a file and "
        "name that in store.password_file");
  CHECK(in_url.settings.postgres()->primary.password == "secret");

  CHECK(MustParse({.url = "postgres://u@h/d", .password = "p"}).postgres()->primary.password ==
        "p");
  CHECK(MustParse({.url = "postgres://u@h/d", .password_file = "/f"}).postgres()->password_file ==
        "/f");
  CHECK(Problems({.url = "postgres://u:secret@h/d", .password_file = "/f"}) ==
        "store.password_file: store.url holds a password too; leave one of them out (store.url)");
  CHECK(Problems({.url = "postgres://u:secret@h/d", .password = "p"}) ==
        "store.password: store.url holds a password too; leave one of them out (store.url)");
  CHECK(Problems({.url = "postgres://u@h/d", .password = "p", .password_file = "/f"}) ==
        "store.password: store.password_file is set too; leave one of them out "
        "(store.password_file)");
}

TEST_CASE("a migration is automatic on SQLite and asked for on PostgreSQL unless told otherwise") {
  CHECK(MustParse({.url = "sqlite:///a"}).migrate == Migrate::kAuto);
  CHECK(MustParse({.url = "postgres://u@h/d"}).migrate == Migrate::kRequire);
  for (const char* url : {"sqlite:///a", "postgres://u@h/d"}) {
    CHECK(MustParse({.url = url, .migrate = "auto"}).migrate == Migrate::kAuto);
    CHECK(MustParse({.url = url, .migrate = "require"}).migrate == Migrate::kRequire);
    CHECK(MustParse({.url = url, .migrate = "off"}).migrate == Migrate::kOff);
  }
}

TEST_CASE("a pool has at least one and not more than it may have") {
  const StoreSettings settings = MustParse({.url = "sqlite:///a", .pool_min = 3, .pool_max = 3});
  CHECK(settings.pool_min == 3);
  CHECK(settings.pool_max == 3);
  CHECK(Problems({.url = "sqlite:///a", .pool_min = 5, .pool_max = 4}) ==
        "store.pool_min: is 5, above store.pool_max, which is 4; it must be from 1 to that "
        "(store.pool_max)");
}

TEST_CASE("what needs PostgreSQL refuses SQLite and says what to set") {
  const std::string move = "or move to PostgreSQL: store.url = \"postgres://USER@HOST/DATABASE\"";
  CHECK(Problems({.url = "sqlite:///a", .replica_url = "postgres://h/d"}) ==
        "store.replica_url: the store is SQLite, which has no replicas; leave it out, " + move);
  CHECK(Problems({.url = "sqlite:///a", .listen_url = "postgres://h/d"}) ==
        "store.listen_url: the store is SQLite, which has no poolers; leave it out, " + move);
  for (const StoreText& text :
       {StoreText{.url = "sqlite:///a", .instances = 2},
        StoreText{.url = "sqlite::memory:", .instances = 2}, StoreText{.path = "a", .instances = 2},
        StoreText{.instances = 2, .default_directory = "/d"}}) {
    CHECK(Problems(text) ==
          "instances: is 2, and the store is SQLite, which one instance owns; set instances = 1, " +
              move);
  }
  CHECK(Problems({.url = "postgres://u@h/d",
                  .replica_url = "postgres://u@i/d",
                  .listen_url = "postgres://u@j/d",
                  .instances = 100}) == "");
}

TEST_CASE("a PostgreSQL with fsync=off is taken when it is meant, and SQLite has no such thing") {
  CHECK_FALSE(MustParse({.url = "postgres://u@h/d"}).allow_fsync_off);
  CHECK(MustParse({.url = "postgres://u@h/d", .allow_fsync_off = true}).allow_fsync_off);
  CHECK(Problems({.url = "sqlite:///a", .allow_fsync_off = true}) ==
        "store.allow_fsync_off: the store is SQLite, which always flushes what it acknowledges; "
        "leave it out");
}

TEST_CASE("a replica and a listener have urls of their own") {
  const StoreSettings settings =
      MustParse({.url = "postgres://u@h/d",
                 .replica_url = "postgres://i/d?target_session_attrs=standby",
                 .listen_url = "postgres://j/d"});
  CHECK(settings.postgres()->replica->Get("host") == "i");
  CHECK(settings.postgres()->listen->Get("host") == "j");
  CHECK(Problems({.url = "postgres://u@h/d", .replica_url = "sqlite:///a"}) ==
        "store.replica_url: \"sqlite:///a\" is not PostgreSQL's; the form is "
        "postgres://USER@HOST:PORT/DATABASE");
  for (const char* attributes : {"read-only", "standby", "prefer-standby"}) {
    const std::string url = absl::StrCat("postgres://u@h/d?target_session_attrs=", attributes);
    CHECK(Problems({.url = url}) == absl::StrCat("store.url: has target_session_attrs=", attributes,
                                                 ", and the store writes there; set it to "
                                                 "read-write"));
  }
}

TEST_CASE("production on SQLite is warned of") {
  CHECK(Lines(ParseStore({.url = "sqlite:///a", .production = true}).warnings) ==
        "environment: \"production\" on SQLite, which is one instance with one writer; move to "
        "PostgreSQL (store.url = \"postgres://USER@HOST/DATABASE\") beyond any of: jobs/min > 500, "
        "audit > 10 GB, p95 write > 200 ms, sessions > 100");
  CHECK(ParseStore({.url = "postgres://u@h/d", .production = true}).warnings.empty());
}

}  // namespace
}  // namespace signalbox::options
