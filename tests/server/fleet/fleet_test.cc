#include "server/fleet/fleet.h"

#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/fleet/node_status.h"
#include "tests/testing/fake_clock.h"

namespace signalbox {
namespace {

class Source : public StatusSource {
 public:
  Source(std::string id, int64_t revision) {
    status.id = std::move(id);
    status.namespace_name = "default";
    status.group = "default";
    status.state = NodeState::kSynced;
    status.revision = Revision{revision};
  }
  NodeStatus Status() const override { return status; }

  NodeStatus status;
};

TEST_CASE("each state has a name of its own", "[fleet]") {
  std::set<std::string> names;
  for (const NodeState state :
       {NodeState::kSynced, NodeState::kPending, NodeState::kWarming, NodeState::kStale,
        NodeState::kNack, NodeState::kHeld, NodeState::kIdle, NodeState::kGone}) {
    CHECK(names.insert(std::string(NodeStateName(state))).second);
  }
  CHECK(names.contains("SYNCED"));
  CHECK(names.contains("GONE"));
}

TEST_CASE("a connected node is told by its newest stream, as it is now", "[fleet]") {
  testing::FakeClock clock;
  Fleet fleet(&clock);
  CHECK(fleet.List().empty());
  const auto first = std::make_shared<Source>("a", 1);
  const auto second = std::make_shared<Source>("a", 2);
  fleet.Connect("a", first);
  fleet.Connect("a", second);
  REQUIRE(fleet.List().size() == 1);
  CHECK(fleet.List()[0].revision == Revision{2});
  second->status.revision = Revision{3};
  CHECK(fleet.List()[0].revision == Revision{3});
}

NodeTypeStatus Type(const std::string& type, NodeState state, int64_t revision,
                    std::vector<std::string> refused = {}) {
  NodeTypeStatus status;
  status.type = type;
  status.state = state;
  status.revision = Revision{revision};
  status.detail = std::string(NodeStateName(state));
  status.refused = std::move(refused);
  return status;
}

std::shared_ptr<Source> OfOneType(NodeTypeStatus type) {
  auto source = std::make_shared<Source>("a", type.revision.number);
  source->status.of_one_type = true;
  source->status.state = type.state;
  source->status.types = {std::move(type)};
  return source;
}

TEST_CASE("a node with a stream for each type is told by all of them (XDS C12)", "[fleet]") {
  testing::FakeClock clock;
  Fleet fleet(&clock);
  const auto clusters = OfOneType(Type("cluster", NodeState::kNack, 7, {"bad"}));
  const auto some = OfOneType(Type("endpoints", NodeState::kPending, 6));
  const auto more = OfOneType(Type("endpoints", NodeState::kSynced, 8));
  const auto none = OfOneType(Type("route", NodeState::kIdle, 0));
  for (const auto& source : {clusters, some, more, none}) fleet.Connect("a", source);
  REQUIRE(fleet.List().size() == 1);
  const NodeStatus node = fleet.List()[0];
  CHECK(node.state == NodeState::kNack);
  CHECK(node.detail == "NACK");
  CHECK(node.revision == Revision{6});
  REQUIRE(node.types.size() == 3);
  for (const NodeTypeStatus& type : node.types) {
    if (type.type == "cluster") CHECK(type.refused == std::vector<std::string>{"bad"});
    if (type.type == "endpoints") {
      CHECK(type.state == NodeState::kPending);
      CHECK(type.revision == Revision{6});
    }
    if (type.type == "route") CHECK(type.state == NodeState::kIdle);
  }
}

TEST_CASE("an older stream for all types says nothing beside a newer one", "[fleet]") {
  testing::FakeClock clock;
  Fleet fleet(&clock);
  const auto dead = std::make_shared<Source>("a", 3);
  dead->status.types = {Type("cluster", NodeState::kStale, 3)};
  const auto newest = std::make_shared<Source>("a", 9);
  newest->status.types = {Type("cluster", NodeState::kSynced, 9)};
  fleet.Connect("a", dead);
  fleet.Connect("a", newest);
  const NodeStatus node = fleet.List().at(0);
  CHECK(node.state == NodeState::kSynced);
  CHECK(node.revision == Revision{9});
  CHECK(node.types.size() == 1);
}

TEST_CASE("a node is gone when its last stream is", "[fleet]") {
  testing::FakeClock clock;
  Fleet fleet(&clock);
  const auto first = std::make_shared<Source>("a", 1);
  const auto second = std::make_shared<Source>("a", 2);
  fleet.Connect("a", first);
  fleet.Connect("a", second);
  fleet.Disconnect(second.get(), second->Status());
  REQUIRE(fleet.List().size() == 1);
  CHECK(fleet.List()[0].state == NodeState::kSynced);
  CHECK(fleet.List()[0].revision == Revision{1});
  clock.Advance(absl::Seconds(5));
  fleet.Disconnect(first.get(), first->Status());
  REQUIRE(fleet.List().size() == 1);
  CHECK(fleet.List()[0].state == NodeState::kGone);
  CHECK(fleet.List()[0].revision == Revision{1});
  CHECK(fleet.List()[0].since == clock.Now());
  // It comes back.
  fleet.Connect("a", second);
  REQUIRE(fleet.List().size() == 1);
  CHECK(fleet.List()[0].state == NodeState::kSynced);
}

TEST_CASE("nodes are listed by group and id", "[fleet]") {
  testing::FakeClock clock;
  Fleet fleet(&clock);
  const auto b = std::make_shared<Source>("b", 1), a = std::make_shared<Source>("a", 1),
             z = std::make_shared<Source>("z", 1);
  z->status.group = "canary";
  fleet.Connect("b", b);
  fleet.Connect("a", a);
  fleet.Connect("z", z);
  fleet.Disconnect(a.get(), a->Status());
  std::string ids;
  for (const NodeStatus& node : fleet.List()) ids += node.id;
  CHECK(ids == "zab");
}

TEST_CASE("a stream that nobody knows ends without a trace", "[fleet]") {
  testing::FakeClock clock;
  Fleet fleet(&clock);
  const auto a = std::make_shared<Source>("a", 1), stranger = std::make_shared<Source>("a", 9);
  fleet.Disconnect(stranger.get(), stranger->Status());
  CHECK(fleet.List().empty());
  fleet.Connect("a", a);
  fleet.Disconnect(stranger.get(), stranger->Status());
  CHECK(fleet.List()[0].state == NodeState::kSynced);
}

TEST_CASE("of those that are gone the longest gone are forgotten", "[fleet]") {
  testing::FakeClock clock;
  Fleet fleet(&clock);
  for (size_t i = 0; i < Fleet::kMaxGoneNodes + 5; ++i) {
    const auto source = std::make_shared<Source>(absl::StrCat("n", 100000 + i), 1);
    fleet.Connect(source->status.id, source);
    fleet.Disconnect(source.get(), source->Status());
  }
  const auto nodes = fleet.List();
  REQUIRE(nodes.size() == Fleet::kMaxGoneNodes);
  CHECK(nodes.front().id == "n100005");
}

}  // namespace
}  // namespace signalbox
