#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/admin/etag.h"
#include "server/admin/page_token.h"

namespace signalbox {
namespace {

TEST_CASE("an etag says its revision within its epoch only", "[admin]") {
  const std::string etag = MakeEtag(0xfedcba9876543210, Revision{412});
  CHECK(etag == "fedcba9876543210-412");
  CHECK(*ParseEtag(etag, 0xfedcba9876543210) == Revision{412});
  CHECK(ParseEtag(etag, 1).status().code() == absl::StatusCode::kAborted);
  for (const char* bad :
       {"", "412", "-", "fedcba9876543210", "fedcba9876543210-", "fedcba9876543210-x",
        "fedcba9876543210-0412", "fedcba9876543210- 1", "FEDCBA9876543210-1"}) {
    CHECK(ParseEtag(bad, 0xfedcba9876543210).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("a page token gives its position back to its own list only", "[admin]") {
  const std::vector<std::string> list = {"resources", "", "cluster"};
  const std::vector<std::string> position = {"default", "a:b;c", std::string("\0", 1)};
  const std::string token = MakePageToken(list, position);
  CHECK(*ParsePageToken(token, list, 3) == position);
  CHECK(!ParsePageToken(token, list, 2).ok());
  CHECK(!ParsePageToken(token, list, 4).ok());
  CHECK(!ParsePageToken(token, {"resources", "cluster", ""}, 3).ok());
  CHECK(!ParsePageToken(token, {"nodes"}, 3).ok());
  for (const char* bad : {"", "!", "AAAA", "OTk5OTk5OTk5OTo"})
    CHECK(!ParsePageToken(bad, list, 3).ok());
  for (size_t cut = 0; cut < token.size(); ++cut)
    CHECK(!ParsePageToken(token.substr(0, cut), list, 3).ok());
}

}  // namespace
}  // namespace signalbox
