#include "server/xds/stream_quota.h"

#include <catch2/catch.hpp>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/xds/request_rate.h"

namespace signalbox {
namespace {

TEST_CASE("there are so many places and no more, and each is free again", "[stream_quota]") {
  StreamQuota quota({.in_all = 2, .per_node = 5});
  auto first = quota.Take();
  auto second = quota.Take();
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK(quota.Take().status() ==
        absl::ResourceExhaustedError("this server has its 2 streams; connect to another one"));
  first->reset();
  CHECK(quota.Take().ok());
}

TEST_CASE("a node has so many and no more, whatever others have", "[stream_quota]") {
  StreamQuota quota({.in_all = 10, .per_node = 2});
  auto first = *quota.Take(), second = *quota.Take(), third = *quota.Take();
  CHECK(first->Name("a").ok());
  CHECK(second->Name("a").ok());
  CHECK(third->Name("a") ==
        absl::ResourceExhaustedError("node a has 2 streams, as many as one node may; one "
                                     "aggregated stream serves all types"));
  third = *quota.Take();
  CHECK(third->Name("b").ok());
  // One that was refused, or has no name yet, leaves nothing behind.
  { auto refused = *quota.Take(); }
  first = nullptr;
  first = *quota.Take();
  CHECK(first->Name("a").ok());
}

TEST_CASE("requests are taken at a rate, and some at once", "[request_rate]") {
  const absl::Time start = absl::FromUnixSeconds(1000);
  RequestRate rate(10, 3);
  for (int i = 0; i < 3; ++i) CHECK(rate.Take(start));
  CHECK_FALSE(rate.Take(start));
  CHECK_FALSE(rate.Take(start + absl::Milliseconds(99)));
  CHECK(rate.Take(start + absl::Milliseconds(100)));
  CHECK_FALSE(rate.Take(start + absl::Milliseconds(101)));
  // However long nothing came, no more than that at once.
  const absl::Time later = start + absl::Hours(1);
  for (int i = 0; i < 3; ++i) CHECK(rate.Take(later));
  CHECK_FALSE(rate.Take(later));
}

}  // namespace
}  // namespace signalbox
