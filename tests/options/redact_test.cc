#include "options/redact.h"

#include <catch2/catch.hpp>

#include "options/table.h"

namespace signalbox::options {
namespace {

TEST_CASE("a password in a url is never shown") {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"sqlite:////var/lib/a", "sqlite:////var/lib/a"},
      {"sqlite:////srv/a:b@c", "sqlite:////srv/a:b@c"},
      {"sqlite::memory:", "sqlite::memory:"},
      {"postgres://user@host:5432/db", "postgres://user@host:5432/db"},
      {"postgres://user:secret@host:5432/db", "postgres://user:***@host:5432/db"},
      {"postgres://user:se/cr@et@host/db", "postgres://user:***@host/db"},
      {"postgres://:secret@host/db", "postgres://:***@host/db"},
      {"postgres://host/db?password=secret&sslmode=x", "postgres://host/db?password=***&sslmode=x"},
      {"postgres://host/db?sslmode=x&password=secret", "postgres://host/db?sslmode=x&password=***"},
      {"postgres://host/db?p%61ssword=secret", "postgres://host/db?p%61ssword=***"},
      {"postgres://host/db?sslpassword=secret&a=b", "postgres://host/db?sslpassword=***&a=b"},
      {"postgres://host/db?PASSWORD=secret", "postgres://host/db?PASSWORD=***"},
      {"postgres://host/db?password=", "postgres://host/db?password="},
      {"postgres://u:secret@host/db?password=other", "postgres://u:***@host/db?password=***"},
  };
  for (const auto& [url, want] : cases) CHECK(RedactedUrl(url) == want);
}

TEST_CASE("a password is not shown either where the url is no url") {
  for (const char* url :
       {"user:secret@host/db", "postgres:user:secret@host", "postgres:/user:secret@host",
        "postgre//user:secret@host", "host=h password=secret", "password = secret host=h",
        "password='se cret' host=h", "sqlite://user:secret@host/db", "mysql://u:secret@h/d",
        "secret:secret@h"}) {
    const std::string shown = RedactedUrl(url);
    INFO(shown);
    CHECK(shown.find("cret@") == std::string::npos);
    CHECK(shown.find("=secret") == std::string::npos);
    CHECK(shown.find(" secret") == std::string::npos);
    CHECK(shown.find("cret'") == std::string::npos);
    CHECK(shown.find("***") != std::string::npos);
  }
}

TEST_CASE("a secret is not shown at all, and whether there is one is") {
  CHECK(Redacted(*FindOption("store.password"), "secret") == "***");
  CHECK(Redacted(*FindOption("store.password"), "") == "");
  CHECK(Redacted(*FindOption("store.listen_url"), "postgres://u:x@h/d") == "postgres://u:***@h/d");
  CHECK(Redacted(*FindOption("store.path"), "/a:b@c") == "/a:b@c");
}

}  // namespace
}  // namespace signalbox::options
