#include "server/xds/heartbeats.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "server/xds/limits.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox {
namespace {

using Names = std::vector<std::string>;

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

testing::XdsBodies& Bodies() {
  static auto* const bodies = new testing::XdsBodies();
  return *bodies;
}

const ResourceType& Type(const char* name) { return *Bodies().registry().FindByShortName(name); }

FragmentPtr Cluster(const std::string& name, const Names& said) {
  return Bodies().Make({"cluster", name, "1", said});
}

TEST_CASE("a name is due a third of its time to live after it was told (XDS L1)") {
  Heartbeats heartbeats;
  const FragmentPtr a = Cluster("a", {"static", "ttl=3s"});
  const FragmentPtr never = Cluster("b", {"static"});
  CHECK(heartbeats.next() == absl::InfiniteFuture());
  heartbeats.OnTold(Type("cluster"), *never, kStart);
  CHECK(heartbeats.next() == absl::InfiniteFuture());
  heartbeats.OnTold(Type("cluster"), *a, kStart);
  CHECK(heartbeats.next() == kStart + absl::Seconds(1));

  heartbeats.BeginLook();
  CHECK_FALSE(heartbeats.IsDue(Type("cluster"), *never, kStart));
  CHECK_FALSE(heartbeats.IsDue(Type("cluster"), *a, kStart + absl::Milliseconds(999)));
  CHECK(heartbeats.next() == kStart + absl::Seconds(1));
  heartbeats.BeginLook();
  CHECK(heartbeats.IsDue(Type("cluster"), *a, kStart + absl::Seconds(1)));

  // What it was not told on this stream, or under another type, is due at once.
  CHECK(heartbeats.IsDue(Type("endpoints"), *a, kStart));
  heartbeats.Keep(Type("cluster"), [](const std::string&) { return false; });
  CHECK(heartbeats.IsDue(Type("cluster"), *a, kStart));
}

TEST_CASE("what a heartbeat told is known until it is answered (XDS L1)") {
  Heartbeats heartbeats;
  heartbeats.OnSent("n1", Type("cluster"), {"a", "b"});
  CHECK(heartbeats.TakeAnswered(Type("cluster"), "n2").empty());
  CHECK(heartbeats.TakeAnswered(Type("endpoints"), "n1").empty());
  CHECK(heartbeats.TakeAnswered(Type("cluster"), "n1") == Names{"a", "b"});
  CHECK(heartbeats.TakeAnswered(Type("cluster"), "n1").empty());

  // A client that answers none costs no more than so many.
  for (size_t i = 0; i <= limits::kMaxUnansweredHeartbeats; ++i)
    heartbeats.OnSent("m" + std::to_string(i), Type("cluster"), {"a"});
  CHECK(heartbeats.TakeAnswered(Type("cluster"), "m0").empty());
  CHECK(heartbeats.TakeAnswered(Type("cluster"), "m1") == Names{"a"});
}

}  // namespace
}  // namespace signalbox
