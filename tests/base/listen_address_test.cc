#include "base/listen_address.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"

namespace signalbox {
namespace {

TEST_CASE("an address reads back as it was written, and knows whether it is loopback") {
  const std::pair<const char*, bool> cases[] = {
      {"127.0.0.1:18000", true}, {"127.9.9.9:0", true},        {"[::1]:65535", true},
      {"localhost:1", true},     {"0.0.0.0:18000", false},     {"[::]:18000", false},
      {"10.0.0.1:80", false},    {"node-1.example:80", false}, {"127.example:80", false},
      {"[fe80::1]:1", false},
  };
  for (const auto& [text, loopback] : cases) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    INFO(text);
    REQUIRE(address.ok());
    CHECK(address->ToString() == text);
    CHECK(address->IsLoopback() == loopback);
  }
}

TEST_CASE("what is no address is refused") {
  for (const char* text : {"", "18000", ":18000", "*:18000", "::1:80", "[127.0.0.1]:80", "[]:80",
                           "1.2.3:80", "a b:80", "unix:/x", "127.0.0.1:", "127.0.0.1:65536",
                           "127.0.0.1:-1", "127.0.0.1:8o", "http://a:80"}) {
    INFO(text);
    CHECK(ParseListenAddress(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(ParseListenAddress(":18000").status().message() ==
        "\":18000\" is not HOST:PORT, such as 127.0.0.1:18000, [::1]:18000 or 0.0.0.0:18000 for "
        "every interface");
  CHECK(ParseListenAddress("127.0.0.1:70000").status().message() ==
        "\"127.0.0.1:70000\" has no port between 0 and 65535");
}

}  // namespace
}  // namespace signalbox
