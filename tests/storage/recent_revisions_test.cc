#include "storage/recent_revisions.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "storage/limits.h"

namespace signalbox {
namespace {

RevisionChanges Number(int64_t number, size_t bytes = 1) {
  RevisionChanges changes;
  changes.info.revision = Revision{number};
  changes.info.digest.bytes[0] = static_cast<uint8_t>(number);
  Resource resource;
  resource.record = std::make_shared<const Record>(Record{.body = std::string(bytes, 'x')});
  changes.upserts.push_back(resource);
  return changes;
}

RecentRevisions From(int64_t first, int64_t last, size_t bytes = 1) {
  RecentRevisions recent;
  recent.Reset({.revision = {first - 1}});
  for (int64_t number = first; number <= last; ++number) recent.Append(Number(number, bytes));
  return recent;
}

TEST_CASE("what followed a revision is there up to the head") {
  const RecentRevisions recent = From(5, 7);
  CHECK(recent.head().revision == Revision{7});
  CHECK(recent.head().digest.bytes[0] == 7);
  const auto since = recent.Since(Revision{5});
  REQUIRE(since.has_value());
  REQUIRE(since->size() == 2);
  CHECK(since->front().info.revision == Revision{6});
  CHECK(recent.Since(Revision{4})->size() == 3);
  CHECK(recent.Since(Revision{7})->empty());
}

TEST_CASE("what is older or above the head is not there") {
  const RecentRevisions recent = From(5, 7);
  CHECK_FALSE(recent.Since(Revision{3}).has_value());
  CHECK_FALSE(recent.Since(Revision{8}).has_value());
}

TEST_CASE("a reset forgets all") {
  RecentRevisions recent = From(5, 7);
  recent.Reset({.revision = {9}});
  CHECK(recent.Since(Revision{9})->empty());
  CHECK_FALSE(recent.Since(Revision{8}).has_value());
}

TEST_CASE("the oldest go beyond the limit of revisions") {
  constexpr int64_t kLimit = limits::kMaxRecentRevisions;
  RecentRevisions recent = From(1, 2 * kLimit);
  CHECK(recent.Since(Revision{0}).has_value());
  recent.Trim();
  CHECK(recent.Since(Revision{kLimit})->size() == kLimit);
  CHECK_FALSE(recent.Since(Revision{kLimit - 1}).has_value());
}

TEST_CASE("the oldest go beyond the limit of bytes") {
  RecentRevisions recent = From(1, 40, size_t{1} << 20);
  recent.Trim();
  const auto kept = limits::kMaxRecentBytes >> 20;
  CHECK(recent.Since(Revision{static_cast<int64_t>(40 - kept)})->size() == kept);
  CHECK_FALSE(recent.Since(Revision{static_cast<int64_t>(40 - kept - 1)}).has_value());
}

}  // namespace
}  // namespace signalbox
