#include "options/postgres_target.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

namespace signalbox::options {
namespace {

PostgresTarget MustParse(const std::string& url) {
  const absl::StatusOr<PostgresTarget> target = ParsePostgresUrl(url);
  INFO(url << ": " << target.status().ToString());
  REQUIRE(target.ok());
  return *target;
}

std::string ErrorOf(const std::string& url) {
  const absl::StatusOr<PostgresTarget> target = ParsePostgresUrl(url);
  if (target.ok()) return "";
  CHECK(target.status().code() == absl::StatusCode::kInvalidArgument);
  return std::string(target.status().message());
}

TEST_CASE("a url is read into libpq's keywords") {
  using Parameters = std::map<std::string, std::string>;
  const std::pair<const char*, Parameters> cases[] = {
      {"postgres://user@host/db", {{"user", "user"}, {"host", "host"}, {"dbname", "db"}}},
      {"postgresql://host:5433/db", {{"host", "host"}, {"port", "5433"}, {"dbname", "db"}}},
      {"postgres:///db", {{"dbname", "db"}}},
      {"postgres:///db?host=/var/run/postgresql&port=5433",
       {{"dbname", "db"}, {"host", "/var/run/postgresql"}, {"port", "5433"}}},
      {"postgres://%2Fvar%2Frun/db", {{"host", "/var/run"}, {"dbname", "db"}}},
      {"postgres://?dbname=db", {{"dbname", "db"}}},
      {"postgres://[::1]:5433/db", {{"host", "::1"}, {"port", "5433"}, {"dbname", "db"}}},
      {"postgres://[fe80::1]/db", {{"host", "fe80::1"}, {"dbname", "db"}}},
      {"postgres://a,b:5433/db?target_session_attrs=read-write",
       {{"host", "a,b"},
        {"port", "5432,5433"},
        {"dbname", "db"},
        {"target_session_attrs", "read-write"}}},
      {"postgres://u%40x@h/d%2Fb?application_name=a%26b&connect_timeout=3",
       {{"user", "u@x"},
        {"host", "h"},
        {"dbname", "d/b"},
        {"application_name", "a&b"},
        {"connect_timeout", "3"}}},
      {"postgres://h/d?ssl=true", {{"host", "h"}, {"dbname", "d"}, {"sslmode", "require"}}},
      {"postgres://h/d?sslmode=verify-full&sslrootcert=/ca.pem",
       {{"host", "h"}, {"dbname", "d"}, {"sslmode", "verify-full"}, {"sslrootcert", "/ca.pem"}}},
      {"postgres://a,b/d?port=5433", {{"host", "a,b"}, {"dbname", "d"}, {"port", "5433"}}},
  };
  for (const auto& [url, want] : cases) {
    INFO(url);
    CHECK(MustParse(url).parameters == want);
    CHECK(MustParse(url).password == "");
  }
}

TEST_CASE("a password stands apart") {
  for (const char* url : {"postgres://u:s%40c%2Fr@h/d", "postgres://u@h/d?password=s%40c%2Fr"}) {
    const PostgresTarget target = MustParse(url);
    CHECK(target.password == "s@c/r");
    CHECK(target.Get("password") == "");
    CHECK(target.ToString() == "postgres://u@h/d");
  }
}

TEST_CASE("what is wrong with a url is told, and what would be right") {
  const std::string form = "; the form is postgres://USER@HOST:PORT/DATABASE";
  const std::string encode =
      "is not understood: in a user's name and a password write \"@\" as %40, \":\" as %3A, \"/\" "
      "as %2F, \"?\" as %3F, \"#\" as %23 and \"%\" as %25";
  const std::pair<const char*, std::string> cases[] = {
      {"mysql://h/d", "is not PostgreSQL's" + form},
      {"postgres://h", "names no database" + form},
      {"postgres://h/", "names no database" + form},
      {"postgres://h:0/d", "has the port \"0\"; a port is a number from 1 to 65535"},
      {"postgres://h:65536/d", "has the port \"65536\"; a port is a number from 1 to 65535"},
      {"postgres://h:pg/d", "has the port \"pg\"; a port is a number from 1 to 65535"},
      {"postgres://h:/d", "has the port \"\"; a port is a number from 1 to 65535"},
      {"postgres://a,:5432/d", "names no host where it should" + form},
      {"postgres://a,/d", "names no host where it should" + form},
      {"postgres://::1/d",
       "has several colons in a host; an IPv6 address stands in brackets" + form},
      {"postgres://[::1/d", "has an IPv6 address without its closing bracket" + form},
      {"postgres://h/a/b", "has a database whose name is not understood" + form},
      {"postgres://h/d%zz", "has a database whose name is not understood" + form},
      {"postgres://h/d%00", "has a database whose name is not understood" + form},
      {"postgres://u:secr@et@h/d", encode},
      {"postgres://u:secr/et@h/d", encode},
      {"postgres://u:secr?et@h/d", encode},
      {"postgres://u:secr%et@h/d", encode},
      {"postgres://h/d?sslmod=require",
       "has the parameter \"sslmod\", which is not taken; did you mean \"sslmode\"?"},
      {"postgres://h/d?replication=true", "has the parameter \"replication\", which is not taken"},
      {"postgres://h/d?sslmode",
       "has a parameter that is not KEYWORD=VALUE; they stand after \"?\", with \"&\" between "
       "them"},
      {"postgres://h/d?sslmode=verify_full",
       "has sslmode=verify_full; it must be one of disable, allow, prefer, require, verify-ca, "
       "verify-full; did you mean \"verify-full\"?"},
      {"postgres://h/d?connect_timeout=3s", "has connect_timeout=3s; it must be a whole number"},
      {"postgres://h/d?keepalives=yes", "has keepalives=yes; it must be 0 or 1"},
      {"postgres://h/d?application_name=%",
       "has a value of application_name that is not understood; write \"%\" as %25"},
      {"postgres://h/d?host=i", "says host twice; say it once"},
      {"postgres://h/d?sslmode=allow&sslmode=require", "says sslmode twice; say it once"},
      {"postgres://u:a@h/d?password=b", "says password twice; say it once"},
      {"postgres://h/d?port=x", "has the port \"x\"; a port is a number from 1 to 65535"},
      {"postgres://a,b,c/d?port=1,2", "has 2 ports for 3 hosts; say one for each, or one for all"},
  };
  for (const auto& [url, want] : cases) {
    INFO(url);
    CHECK(ErrorOf(url) == want);
  }
}

TEST_CASE("an error never holds a piece of a password") {
  for (const char* url :
       {"postgres://u:secret@h:x/d", "postgres://u:sec/ret@h/d", "postgres://u:sec@ret@h/d",
        "postgres://u:sec%ret@h", "postgres://u:9999999/secret@h/d",
        "postgres://h/d?password=secret&password=secret", "postgres://u:secret@h/d/e"}) {
    const std::string error = ErrorOf(url);
    INFO(error);
    CHECK(error != "");
    CHECK(error.find("sec") == std::string::npos);
    CHECK(error.find("ret@") == std::string::npos);
    CHECK(error.find("9999") == std::string::npos);
  }
}

TEST_CASE("a target is shown as a url without what is secret") {
  const std::pair<const char*, const char*> cases[] = {
      {"postgres://u:s@h:5433/d?sslmode=require", "postgres://u@h:5433/d"},
      {"postgres://a,b:5433/d", "postgres://a:5432,b:5433/d"},
      {"postgres://[::1]:1/d", "postgres://[::1]:1/d"},
      {"postgres:///d", "postgres:///d"},
      {"postgres://a,b/d?port=5433", "postgres://a:5433,b:5433/d"},
  };
  for (const auto& [url, want] : cases) CHECK(MustParse(url).ToString() == want);
}

TEST_CASE("libpq is given keywords with quoted values") {
  CHECK(PostgresConnectionString(MustParse("postgres://u:it's%5C@h/my%20db")) ==
        "dbname='my db' host='h' password='it\\'s\\\\' user='u'");
  CHECK(PostgresConnectionString(MustParse("postgres:///d")) == "dbname='d'");
}

}  // namespace
}  // namespace signalbox::options
