#include "cli/demo_http.h"

#include <catch2/catch.hpp>

namespace signalbox::cli {
namespace {

TEST_CASE("an upstream answers every request with its name") {
  const auto upstream = DemoUpstream::Create("blue");
  REQUIRE(upstream.ok());
  DemoBrowser browser((*upstream)->port());
  CHECK(*browser.Get("/") == "blue");
  CHECK(*browser.Get("/some/where?else") == "blue");
}

TEST_CASE("an upstream that is destroyed at once and one that was never asked both end") {
  for (int i = 0; i < 20; ++i) CHECK(DemoUpstream::Create("short").ok());
}

TEST_CASE("nobody there is an error, not an answer") {
  int port = 0;
  {
    const auto upstream = DemoUpstream::Create("gone");
    REQUIRE(upstream.ok());
    port = (*upstream)->port();
  }
  DemoBrowser browser(port);
  CHECK(browser.Get("/").status().code() == absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace signalbox::cli
