#include "server/admin/revisions.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/server/admin/admin_fixture.h"

namespace signalbox {
namespace {

using admin::v1::ListRevisionsRequest;
using testing::AdminFixture;

// The revisions of every page, with a '|' after each.
std::string Listed(AdminFixture& fixture, ListRevisionsRequest request) {
  std::string text;
  do {
    const auto page = fixture.revisions->List(request, Caller{});
    if (!page.ok()) return std::string(page.status().message());
    for (const auto& entry : page->revisions()) {
      absl::StrAppend(&text, " ", entry.info().revision(), " ", entry.info().message(),
                      entry.removed() ? " removed" : "");
    }
    text += "|";
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return text;
}

// Three revisions: both made, a changed, a removed.
void Fill(AdminFixture& fixture) {
  auto request = fixture.ApplyOf("cluster", "a", R"({"type": "EDS"})");
  fixture.Add("cluster", "b", R"({"type": "EDS"})", &request);
  request.set_message("made");
  fixture.MustApply(request);
  request = fixture.ApplyOf("cluster", "a", R"({"type": "STATIC"})");
  request.set_message("changed");
  fixture.MustApply(request);
  request = {};
  request.add_removals()->set_kind("cluster");
  request.mutable_removals(0)->set_name("a");
  request.set_message("taken away");
  fixture.MustApply(request);
}

TEST_CASE("the history comes in pages, the newest first", "[admin]") {
  AdminFixture fixture;
  CHECK(Listed(fixture, {}) == "|");
  Fill(fixture);
  ListRevisionsRequest request;
  CHECK(Listed(fixture, request) == " 3 taken away 2 changed 1 made|");
  request.set_page_size(2);
  CHECK(Listed(fixture, request) == " 3 taken away 2 changed| 1 made|");

  // What is committed between two pages moves none.
  request.set_page_token(fixture.revisions->List(request, Caller{})->next_page_token());
  fixture.MustApply(fixture.ApplyOf("cluster", "c", R"({"type": "EDS"})"));
  CHECK(Listed(fixture, request) == " 1 made|");
}

TEST_CASE("the history of one resource has what changed it, and its removal", "[admin]") {
  AdminFixture fixture;
  Fill(fixture);
  ListRevisionsRequest request;
  request.mutable_resource()->set_kind("cluster");
  request.mutable_resource()->set_name("a");
  CHECK(Listed(fixture, request) == " 3 taken away removed 2 changed 1 made|");
  request.set_page_size(1);
  CHECK(Listed(fixture, request) == " 3 taken away removed| 2 changed| 1 made|");
  request.mutable_resource()->set_name("b");
  CHECK(Listed(fixture, request) == " 1 made|");
  request.mutable_resource()->set_name("never");
  CHECK(Listed(fixture, request) == "|");
}

TEST_CASE("a list of revisions says what it was asked wrongly", "[admin]") {
  AdminFixture fixture;
  Fill(fixture);
  ListRevisionsRequest request;
  request.mutable_resource()->set_kind("clusters");
  CHECK_THAT(Listed(fixture, request), Catch::Contains("did you mean \"cluster\"?"));
  request.mutable_resource()->set_kind("cluster");
  CHECK_THAT(Listed(fixture, request), Catch::Contains("resource.name"));
  request = {};
  request.set_page_size(1);
  request.set_page_token(fixture.revisions->List(request, Caller{})->next_page_token());
  ListRevisionsRequest other = request;
  other.mutable_resource()->set_kind("cluster");
  other.mutable_resource()->set_name("a");
  CHECK(fixture.revisions->List(other, Caller{}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  REQUIRE(fixture.store->StartEpoch({.principal = "alice", .action = "adopt"}).ok());
  CHECK(fixture.revisions->List(request, Caller{}).status().code() == absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace signalbox
