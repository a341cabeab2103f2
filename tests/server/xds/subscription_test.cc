#include "server/xds/subscription.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/xds/limits.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox::testing {
namespace {

bool Never(const std::string&, const Fragment*, const Held&) { return false; }

// A subscription to all clusters that was sent `responses` responses, one second after the other,
// with nonces from "1" on: the first brings `first`, each brings another content of `last`.
struct Silent {
  explicit Silent(size_t responses)
      : subscription(bodies.registry().FindByShortName("cluster"), Subscription::Removals::kTold,
                     &diffs) {
    subscription.SetInterest(true, NameSet::Empty(), {});
    for (size_t i = 1; i <= responses; ++i) {
      last = bodies.Make("cluster", "last", absl::StrCat(i));
      subscription.SetTarget(TypeSet::Of({first, last}), Revision{static_cast<int64_t>(i)});
      const Subscription::Pending pending = subscription.FindPending(Never);
      subscription.OnSent(absl::StrCat(i), pending, pending.changes.size(),
                          start + absl::Seconds(i));
    }
  }

  XdsBodies bodies;
  DiffCache diffs;
  const absl::Time start = absl::UnixEpoch();
  const FragmentPtr first = bodies.Make("cluster", "first", "1");
  FragmentPtr last;
  Subscription subscription;
};

TEST_CASE("a client that never answers costs a bounded memory", "[subscription]") {
  Silent silent(limits::kMaxUnanswered + 10);
  Subscription& subscription = silent.subscription;
  CHECK(subscription.outstanding_since() == silent.start + absl::Seconds(1));
  CHECK_FALSE(subscription.OnAck("2", silent.start).known);
  CHECK_FALSE(subscription.OnAck("11", silent.start).known);
  CHECK(subscription.OnAck("12", silent.start).known);
  CHECK(subscription.Acked("first").Is(silent.first.get()));
  CHECK_FALSE(subscription.Acked("last").Is(silent.last.get()));
  CHECK(subscription.OnAck(absl::StrCat(limits::kMaxUnanswered + 10), silent.start).known);
  CHECK(subscription.Acked("last").Is(silent.last.get()));
  CHECK_FALSE(subscription.outstanding());
}

TEST_CASE("what was joined is sent again when its successor is refused", "[subscription]") {
  Silent silent(limits::kMaxUnanswered + 1);
  Subscription& subscription = silent.subscription;
  CHECK(subscription.OnAck("1", silent.start).known);
  CHECK(
      subscription.OnNack(absl::StrCat(limits::kMaxUnanswered + 1), "last: it is bad", silent.start)
          .refused == std::vector<std::string>{"last"});
  CHECK(subscription.Acked("first").Is(silent.first.get()));
}

}  // namespace
}  // namespace signalbox::testing
