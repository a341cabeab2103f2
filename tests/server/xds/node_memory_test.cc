#include "server/xds/node_memory.h"

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/snapshot/fragment.h"
#include "server/xds/limits.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox {
namespace {

using Names = std::vector<std::string>;

// A stream of a client, as far as memories know it.
class Guest : public RetryTarget, public std::enable_shared_from_this<Guest> {
 public:
  static std::shared_ptr<Guest> Join(NodeMemories* memories, const std::string& node,
                                     const std::string& client = "envoy 1.40.0",
                                     const std::string& type = "cluster") {
    auto guest = std::make_shared<Guest>();
    guest->memories_ = memories;
    guest->type_ = type;
    guest->seat_ = memories->Join(node, client, "default", guest);
    guest->told = memories->Recall(type, &guest->seat_);
    return guest;
  }
  static std::shared_ptr<Guest> JoinService(NodeMemories* memories, const std::string& type) {
    return Join(memories, "n1", "envoy 1.40.0", type);
  }

  void Refuse(const std::string& name, const std::string& version = "v1",
              FragmentPtr last_good = nullptr) {
    memories_->Note(seat_, {{type_, name, "", Refusal{name, version, last_good, "bad"}}});
  }
  void Accept(const std::string& name, const std::string& version = "v1") {
    memories_->Note(seat_, {{type_, name, version, std::nullopt}});
  }
  void Leave(const Names& unsettled = {}) { memories_->Leave(seat_, {{type_, unsettled}}); }

  Names Refused() const {
    Names names;
    for (const Refusal& refusal : told.refused) {
      names.push_back(absl::StrCat(refusal.name, " ", refusal.version,
                                   refusal.last_good != nullptr ? " known" : "",
                                   refusal.may_hold ? " unknown" : ""));
    }
    return names;
  }
  Names Unsettled() const { return told.unsettled; }

  void OnRetry() override { ++retries; }

  NodeMemory told;
  int retries = 0;

 private:
  NodeMemories* memories_ = nullptr;
  std::string type_;
  NodeMemories::Seat seat_;
};

FragmentPtr Good() {
  static auto* const bodies = new testing::XdsBodies();
  return bodies->Make({.type = "cluster", .name = "a", .tag = "1"});
}

Names Written(NodeMemories& memories) {
  Names names;
  for (const NodeQuarantines& node : memories.TakeChanged(1000)) {
    for (const Quarantine& quarantine : node.quarantines)
      names.push_back(absl::StrCat(node.node, " ", quarantine.type, "/", quarantine.name));
    if (node.quarantines.empty()) names.push_back(absl::StrCat(node.node, " nothing"));
  }
  return names;
}

TEST_CASE("a client's memory is found by its id and its build", "[node_memory]") {
  NodeMemories memories;
  const auto first = Guest::Join(&memories, "n1");
  CHECK(first->Refused().empty());
  first->Refuse("a");
  first->Leave({"u"});
  const auto second = Guest::Join(&memories, "n1");
  CHECK(second->Refused() == Names{"a v1"});
  CHECK(second->Unsettled() == Names{"u"});
  CHECK(Guest::Join(&memories, "n1", "envoy 1.41.0")->Refused().empty());
  CHECK(Guest::Join(&memories, "n2")->Refused().empty());
  second->Accept("a");
  second->Leave();
  const auto third = Guest::Join(&memories, "n1");
  CHECK(third->Refused().empty());
  CHECK(third->Unsettled().empty());
}

TEST_CASE("what a stream refused is known while it lives", "[node_memory]") {
  NodeMemories memories;
  const auto first = Guest::Join(&memories, "n1");
  first->Refuse("a");
  CHECK(Guest::Join(&memories, "n1")->Refused() == Names{"a v1 unknown"});
}

TEST_CASE("streams of one client take nothing back of each other's (XDS C12, O2b)",
          "[node_memory]") {
  NodeMemories memories;
  const auto first = Guest::Join(&memories, "n1");
  const auto second = Guest::Join(&memories, "n1");
  first->Refuse("a");
  second->Refuse("b");
  first->Leave({"u"});
  // It was told of neither; what it leaves says nothing of them.
  second->Leave({"w"});
  const auto third = Guest::Join(&memories, "n1");
  CHECK(third->Refused() == Names{"a v1 unknown", "b v1 unknown"});
  CHECK(third->Unsettled() == Names{"u", "w"});
  // Another version than the one that is known was refused before: that one is still refused.
  third->Accept("a", "v0");
  third->Leave();
  const auto last = Guest::Join(&memories, "n1");
  CHECK(last->Refused() == Names{"a v1 unknown", "b v1 unknown"});
  CHECK(last->Unsettled().empty());
}

TEST_CASE("one of two processes does not say what the other has (XDS O2b)", "[node_memory]") {
  NodeMemories memories;
  const auto first = Guest::Join(&memories, "n1");
  first->Refuse("a", "v2", Good());
  const auto second = Guest::Join(&memories, "n1");
  CHECK(second->Refused() == Names{"a v2 unknown"});
  first->Refuse("b", "v2", Good());
  first->Leave();
  second->Leave();
  CHECK(Guest::Join(&memories, "n1")->Refused() == Names{"a v2 unknown", "b v2 unknown"});
}

TEST_CASE("streams of separate services say it each of their type (XDS C12, O2b)",
          "[node_memory]") {
  NodeMemories memories;
  const auto clusters = Guest::JoinService(&memories, "cluster");
  const auto listeners = Guest::JoinService(&memories, "listener");
  clusters->Refuse("a", "v2", Good());
  listeners->Refuse("a", "v2", Good());
  clusters->Leave({"u"});
  const auto again = Guest::JoinService(&memories, "cluster");
  CHECK(again->Refused() == Names{"a v2 known"});
  CHECK(again->Unsettled() == Names{"u"});
  // A second process has listeners, too.
  CHECK(Guest::JoinService(&memories, "listener")->Refused() == Names{"a v2 unknown"});
  again->Leave();
  CHECK(Guest::JoinService(&memories, "cluster")->Refused() == Names{"a v2 known"});
}

TEST_CASE("who was seen longest ago is forgotten, also where it was written down",
          "[node_memory]") {
  NodeMemories memories;
  const auto there = Guest::Join(&memories, "there");
  there->Refuse("x");
  for (size_t i = 0; i < limits::kMaxRememberedNodes; ++i) {
    const auto guest = Guest::Join(&memories, absl::StrCat("n", i));
    guest->Refuse("x");
    guest->Leave();
  }
  while (!memories.TakeChanged(1000).empty()) continue;
  // n0 comes and goes; n1 is the oldest now.
  Guest::Join(&memories, "n0")->Leave();
  const auto more = Guest::Join(&memories, "one more");
  more->Refuse("x");
  more->Leave();
  CHECK(Written(memories) == Names{"n1 nothing", "one more cluster/x"});
  CHECK(Guest::Join(&memories, "n1")->Refused().empty());
  CHECK_FALSE(Guest::Join(&memories, "n0")->Refused().empty());
  CHECK_FALSE(Guest::Join(&memories, "n2")->Refused().empty());
  CHECK_FALSE(Guest::Join(&memories, "there")->Refused().empty());
}

TEST_CASE("changes are taken to be written down, and again if they could not be", "[node_memory]") {
  NodeMemories memories;
  CHECK_FALSE(memories.WaitForChange(absl::ZeroDuration()));
  const auto first = Guest::Join(&memories, "n1");
  const auto second = Guest::Join(&memories, "n2");
  CHECK_FALSE(memories.WaitForChange(absl::ZeroDuration()));
  first->Refuse("a");
  first->Refuse("b");
  second->Refuse("c");
  REQUIRE(memories.WaitForChange(absl::InfiniteDuration()));
  const std::vector<NodeQuarantines> taken = memories.TakeChanged(1);
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].node == "n1");
  CHECK(taken[0].client == "envoy 1.40.0");
  CHECK(taken[0].namespace_name == "default");
  REQUIRE(taken[0].quarantines.size() == 2);
  CHECK(taken[0].quarantines[0] == Quarantine{"cluster", "a", "v1", "bad", std::nullopt, false});
  CHECK(Written(memories) == Names{"n2 cluster/c"});
  memories.PutBack(taken);
  first->Accept("b");
  CHECK(Written(memories) == Names{"n1 cluster/a"});
  first->Accept("a");
  CHECK(Written(memories) == Names{"n1 nothing"});
  first->Accept("a");
  CHECK(Written(memories).empty());
}

TEST_CASE("a client that refuses very much is written down in part", "[node_memory]") {
  NodeMemories memories;
  const auto guest = Guest::Join(&memories, "n1");
  for (size_t i = 0; i <= limits::kMaxQuarantines; ++i) guest->Refuse(absl::StrCat(i));
  const std::vector<NodeQuarantines> taken = memories.TakeChanged(1);
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].quarantines.size() == limits::kMaxQuarantines);
}

TEST_CASE("what was written down is learned, but not of who is here", "[node_memory]") {
  NodeMemories memories;
  const auto learn = [&](const std::string& node, const std::string& name) {
    memories.Learn(node, "envoy 1.40.0", "default",
                   {{"cluster", Refusal{name, "v1", nullptr, "bad"}}});
  };
  learn("n1", "a");
  learn("n1", "b");
  CHECK(Written(memories).empty());
  const auto first = Guest::Join(&memories, "n1");
  CHECK(first->Refused() == Names{"b v1"});
  learn("n1", "c");
  CHECK(Guest::Join(&memories, "n1")->Refused() == Names{"b v1 unknown"});
  memories.Learn("n2", "envoy 1.40.0", "default", {});
  CHECK(Guest::Join(&memories, "n2")->Refused().empty());
  // What is not written yet is newer.
  const auto third = Guest::Join(&memories, "n3");
  third->Refuse("x");
  third->Leave();
  learn("n3", "y");
  CHECK(Guest::Join(&memories, "n3")->Refused() == Names{"x v1"});
}

TEST_CASE("what another instance wrote is learned of the types that are asked for there",
          "[node_memory]") {
  NodeMemories memories;
  const auto clusters = Guest::JoinService(&memories, "cluster");
  clusters->Refuse("a");
  CHECK(Written(memories) == Names{"n1 cluster/a"});
  memories.Learn("n1", "envoy 1.40.0", "default",
                 {{"cluster", Refusal{"b", "v1", nullptr, "bad"}},
                  {"listener", Refusal{"l", "v1", nullptr, "bad"}}});
  // It goes along with what is written here.
  clusters->Refuse("c");
  CHECK(Written(memories) == Names{"n1 cluster/a", "n1 cluster/c", "n1 listener/l"});
  CHECK(Guest::JoinService(&memories, "listener")->Refused() == Names{"l v1"});
}

TEST_CASE("a retry forgets what the node refused and tells its streams", "[node_memory]") {
  NodeMemories memories;
  const auto first = Guest::Join(&memories, "n1");
  const auto older = Guest::Join(&memories, "n1", "envoy 1.36.2");
  const auto other = Guest::Join(&memories, "n2");
  for (const auto& guest : {first, older, other}) guest->Refuse("a");
  older->Leave();
  Written(memories);
  CHECK(memories.CountRefusing() == 3);
  CHECK(memories.Retry("n1") == 2);
  CHECK(memories.CountRefusing() == 1);
  CHECK(first->retries == 1);
  CHECK(older->retries == 0);
  CHECK(other->retries == 0);
  CHECK(Written(memories) == Names{"n1 nothing", "n1 nothing"});
  CHECK(Guest::Join(&memories, "n1")->Refused().empty());
  CHECK(Guest::Join(&memories, "n2")->Refused() == Names{"a v1 unknown"});
  CHECK(memories.Retry("nobody") == 0);
}

}  // namespace
}  // namespace signalbox
