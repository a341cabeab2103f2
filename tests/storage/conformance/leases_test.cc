// What Leases promises, of every backend.
#include "storage/leases.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "tests/storage/conformance/area_fixtures.h"

namespace signalbox::testing {
namespace {

using absl::StatusCode;

TEMPLATE_LIST_TEST_CASE("a lease that nobody has is taken", "[leases]", AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  CHECK(leases->List()->empty());
  const auto lease = leases->Acquire("follower", "one", absl::Seconds(10));
  REQUIRE(lease.ok());
  CHECK(lease->name == "follower");
  CHECK(lease->holder == "one");
  CHECK(lease->number == 1);
  CHECK(lease->until == fixture.clock.Now() + absl::Seconds(10));
  CHECK(leases->Confirm(*lease).ok());
  REQUIRE(leases->List()->size() == 1);
  CHECK(leases->List()->front().holder == "one");
}

TEMPLATE_LIST_TEST_CASE("a lease that is held is not given away before its time is over",
                        "[leases]", AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  const auto lease = leases->Acquire("follower", "one", absl::Seconds(10));
  fixture.clock.Advance(absl::Seconds(10) - absl::Milliseconds(1));
  const auto refused = leases->Acquire("follower", "two", absl::Seconds(10));
  CHECK(refused.status().code() == StatusCode::kFailedPrecondition);
  CHECK(std::string(refused.status().message()).find("one") != std::string::npos);
  CHECK(leases->Confirm(*lease).ok());
  CHECK(leases->Acquire("other", "two", absl::Seconds(10)).ok());
  fixture.clock.Advance(absl::Milliseconds(1));
  const auto taken = leases->Acquire("follower", "two", absl::Seconds(10));
  REQUIRE(taken.ok());
  CHECK(taken->number > lease->number);
}

TEMPLATE_LIST_TEST_CASE("a holder that was overtaken can do nothing more with its lease",
                        "[leases]", AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  auto other = fixture.OpenLeases();
  const auto stale = leases->Acquire("follower", "one", absl::Seconds(10));
  fixture.clock.Advance(absl::Seconds(11));
  const auto lease = other->Acquire("follower", "two", absl::Seconds(10));
  REQUIRE(lease.ok());
  CHECK(leases->Confirm(*stale).code() == StatusCode::kFailedPrecondition);
  CHECK(leases->Renew(*stale, absl::Seconds(10)).status().code() ==
        StatusCode::kFailedPrecondition);
  CHECK(leases->Release(*stale).ok());
  CHECK(other->Confirm(*lease).ok());
  CHECK(leases->List()->front().holder == "two");
}

TEMPLATE_LIST_TEST_CASE("the same holder takes its lease again under a new number", "[leases]",
                        AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  const auto before = leases->Acquire("follower", "one", absl::Seconds(10));
  const auto again = leases->Acquire("follower", "one", absl::Seconds(10));
  REQUIRE(again.ok());
  CHECK(again->number == before->number + 1);
  CHECK(leases->Confirm(*before).code() == StatusCode::kFailedPrecondition);
  CHECK(leases->Confirm(*again).ok());
}

TEMPLATE_LIST_TEST_CASE("a renewed lease lasts longer under the same number", "[leases]",
                        AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  const auto lease = leases->Acquire("follower", "one", absl::Seconds(10));
  fixture.clock.Advance(absl::Seconds(9));
  const auto renewed = leases->Renew(*lease, absl::Seconds(10));
  REQUIRE(renewed.ok());
  CHECK(renewed->number == lease->number);
  CHECK(renewed->until == fixture.clock.Now() + absl::Seconds(10));
  fixture.clock.Advance(absl::Seconds(9));
  CHECK(leases->Acquire("follower", "two", absl::Seconds(10)).status().code() ==
        StatusCode::kFailedPrecondition);
  fixture.clock.Advance(absl::Seconds(60));
  CHECK(leases->Renew(*renewed, absl::Seconds(10)).ok());  // nobody took it meanwhile
}

TEMPLATE_LIST_TEST_CASE("a released lease is free at once, and its number is not used again",
                        "[leases]", AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  const auto lease = leases->Acquire("follower", "one", absl::Seconds(10));
  REQUIRE(leases->Release(*lease).ok());
  CHECK(leases->Confirm(*lease).code() == StatusCode::kFailedPrecondition);
  CHECK(leases->List()->front().holder.empty());
  const auto next = leases->Acquire("follower", "two", absl::Seconds(10));
  REQUIRE(next.ok());
  CHECK(next->number == 2);
}

TEMPLATE_LIST_TEST_CASE("of many that want a lease at once one gets it", "[leases]", AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  constexpr int kThreads = 6;
  std::vector<absl::Status> results(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      results[static_cast<size_t>(t)] =
          leases->Acquire("follower", absl::StrCat("i", t), absl::Seconds(10)).status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  int got = 0;
  for (const absl::Status& result : results) {
    if (result.ok())
      ++got;
    else
      CHECK(result.code() == StatusCode::kFailedPrecondition);
  }
  CHECK(got == 1);
}

TEMPLATE_LIST_TEST_CASE("names that are none and durations without sense are refused", "[leases]",
                        AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  const auto refused = [&](absl::string_view name, absl::string_view holder, absl::Duration time) {
    return leases->Acquire(name, holder, time).status().code() == StatusCode::kInvalidArgument;
  };
  CHECK(refused("", "one", absl::Seconds(1)));
  CHECK(refused("a", "", absl::Seconds(1)));
  CHECK(refused("\xff", "one", absl::Seconds(1)));
  CHECK(refused("a", absl::string_view("a\0b", 3), absl::Seconds(1)));
  CHECK(refused("a", "one", absl::ZeroDuration()));
  CHECK(refused("a", "one", limits::kMaxLease + absl::Seconds(1)));
  CHECK(refused("a", "one", absl::InfiniteDuration()));
  CHECK(leases->List()->empty());
}

TEMPLATE_LIST_TEST_CASE("a lease outlives its database's closing", "[leases]", AreaFixtures) {
  if (!TestType::kReopens) {
    WARN("n/a: nothing survives in memory");
    return;
  }
  TestType fixture;
  Lease lease;
  {
    auto leases = fixture.OpenLeases();
    lease = *leases->Acquire("follower", "one", absl::Seconds(10));
  }
  fixture.Close();
  auto leases = fixture.OpenLeases();
  CHECK(leases->Confirm(lease).ok());
  CHECK(!leases->Acquire("follower", "two", absl::Seconds(10)).ok());
}

TEMPLATE_LIST_TEST_CASE("of the holder who renews late and another who takes over, one has it",
                        "[leases]", AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  auto other = fixture.OpenLeases();
  for (int round = 0; round < 10; ++round) {
    const std::string name = absl::StrCat("lease", round);
    const auto lease = leases->Acquire(name, "one", absl::Seconds(10));
    REQUIRE(lease.ok());
    fixture.clock.Advance(absl::Seconds(10));
    absl::StatusOr<Lease> taken;
    std::thread taker([&] { taken = other->Acquire(name, "two", absl::Seconds(10)); });
    const auto renewed = leases->Renew(*lease, absl::Seconds(10));
    taker.join();
    CHECK(renewed.ok() != taken.ok());
    CHECK(leases->Confirm(*lease).ok() == renewed.ok());
    if (taken.ok()) CHECK(other->Confirm(*taken).ok());
  }
}

TEMPLATE_LIST_TEST_CASE("leases are listed by the bytes of their names", "[leases]", AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  for (const char* name : {"b", "ä", "B", "a", "a-b", "ab"}) {
    REQUIRE(leases->Acquire(name, "one", absl::Seconds(10)).ok());
  }
  std::vector<std::string> names;
  const auto list = leases->List();
  REQUIRE(list.ok());
  for (const Lease& lease : *list) names.push_back(lease.name);
  CHECK(names == std::vector<std::string>{"B", "a", "a-b", "ab", "b", "ä"});
}

TEMPLATE_LIST_TEST_CASE("a lease that was never taken cannot be used, and giving it up is no error",
                        "[leases]", AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  const Lease never = {.name = "follower", .holder = "one", .number = 1};
  CHECK(leases->Confirm(never).code() == StatusCode::kFailedPrecondition);
  CHECK(leases->Renew(never, absl::Seconds(1)).status().code() == StatusCode::kFailedPrecondition);
  CHECK(leases->Release(never).ok());
  CHECK(leases->List()->empty());
  // Nor with the right name and number under another's.
  const auto lease = leases->Acquire("follower", "one", absl::Seconds(10));
  Lease forged = *lease;
  forged.holder = "two";
  CHECK(leases->Confirm(forged).code() == StatusCode::kFailedPrecondition);
  CHECK(leases->Release(forged).ok());
  CHECK(leases->Confirm(*lease).ok());
}

TEMPLATE_LIST_TEST_CASE("the shortest and the longest lease end when they should", "[leases]",
                        AreaFixtures) {
  TestType fixture;
  auto leases = fixture.OpenLeases();
  const std::string longest = Incompressible(limits::kMaxNameBytes);
  REQUIRE(leases->Acquire("short", "one", absl::Milliseconds(1)).ok());
  REQUIRE(leases->Acquire(longest, longest, limits::kMaxLease).ok());
  fixture.clock.Advance(absl::Milliseconds(1));
  CHECK(leases->Acquire("short", "two", absl::Milliseconds(1)).ok());
  CHECK(!leases->Acquire(longest, "two", absl::Milliseconds(1)).ok());
  fixture.clock.Advance(limits::kMaxLease);
  CHECK(leases->Acquire(longest, "two", absl::Milliseconds(1)).ok());
}

}  // namespace
}  // namespace signalbox::testing
