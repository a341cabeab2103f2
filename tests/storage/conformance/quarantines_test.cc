// What is stored of the resources that nodes refused, of every store.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/hash.h"
#include "storage/limits.h"
#include "storage/model/quarantine.h"
#include "storage/model/resource.h"
#include "storage/resource_store.h"
#include "tests/storage/conformance/store_fixtures.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox::testing {
namespace {

Quarantine Refused(absl::string_view type, absl::string_view name) {
  return {.type = std::string(type),
          .name = std::string(name),
          .version = "0123",
          .error = absl::StrCat(name, ": it is bad")};
}

NodeQuarantines Node(absl::string_view id, std::vector<Quarantine> quarantines = {}) {
  return {.node = std::string(id),
          .client = "envoy 1.40.0",
          .namespace_name = "default",
          .quarantines = std::move(quarantines)};
}

Digest RecordHashOf(ResourceStore& store, const ResourceKey& key) {
  const absl::StatusOr<Resource> resource = store.Get(key);
  REQUIRE(resource.ok());
  return resource->record_hash;
}

QuarantinePage MustRead(ResourceStore& store, int64_t after = 0) {
  absl::StatusOr<QuarantinePage> page = store.QuarantinesSince(after);
  REQUIRE(page.ok());
  return *std::move(page);
}

std::vector<std::string> Ids(const QuarantinePage& page) {
  std::vector<std::string> ids;
  for (const QuarantinePage::Node& node : page.nodes) ids.push_back(node.is.node);
  return ids;
}

using Texts = std::vector<std::string>;

TEMPLATE_LIST_TEST_CASE("what nodes refused is read again, with what is last good", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a", "good")}));
  Quarantine a = Refused("cluster", "a");
  a.last_good = RecordHashOf(*store, ClusterKey("a"));
  MustCommit(*store, Changes({Cluster("a", "bad")}));
  Quarantine b = Refused("listener", "b");
  b.may_hold = true;
  const std::vector<NodeQuarantines> nodes = {Node("n1", {a, b}), Node("n2", {a})};
  REQUIRE(store->WriteQuarantines(nodes).ok());
  const QuarantinePage page = MustRead(*store);
  REQUIRE(page.nodes.size() == 2);
  CHECK(page.complete);
  CHECK(page.nodes[0].is == nodes[0]);
  CHECK(page.nodes[1].is == nodes[1]);
  REQUIRE(page.nodes[0].last_good.size() == 2);
  REQUIRE(page.nodes[0].last_good[0] != nullptr);
  CHECK(page.nodes[0].last_good[0]->key == ClusterKey("a"));
  CHECK(page.nodes[0].last_good[0]->record->body == "good");
  CHECK(page.nodes[0].last_good[0]->record_hash == *a.last_good);
  CHECK(page.nodes[0].last_good[1] == nullptr);
  CHECK(page.nodes[1].last_good[0] == page.nodes[0].last_good[0]);
}

TEMPLATE_LIST_TEST_CASE("a node's quarantines replace those before, each client's its own",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  NodeQuarantines other = Node("n1", {Refused("cluster", "c")});
  other.client = "envoy 1.36.2";
  REQUIRE(store->WriteQuarantines(std::vector{Node("n1", {Refused("cluster", "a")}), other}).ok());
  const int64_t before = MustRead(*store).as_of;
  const NodeQuarantines changed = Node("n1", {Refused("cluster", "b"), Refused("listener", "a")});
  REQUIRE(store->WriteQuarantines(std::vector{changed}).ok());
  const QuarantinePage page = MustRead(*store);
  REQUIRE(page.nodes.size() == 2);
  CHECK(page.nodes[0].is == other);
  CHECK(page.nodes[1].is == changed);
  const QuarantinePage news = MustRead(*store, before);
  REQUIRE(news.nodes.size() == 1);
  CHECK(news.nodes[0].is == changed);
  CHECK(MustRead(*store, news.as_of).nodes.empty());
}

TEMPLATE_LIST_TEST_CASE("that a node refuses nothing any more is told, for a day", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  REQUIRE(
      store->WriteQuarantines(std::vector{Node("n1", {Refused("cluster", "a")}), Node("n2")}).ok());
  const int64_t before = MustRead(*store).as_of;
  REQUIRE(store->WriteQuarantines(std::vector{Node("n1")}).ok());
  const QuarantinePage page = MustRead(*store, before);
  REQUIRE(page.nodes.size() == 1);
  CHECK(page.nodes[0].is == Node("n1"));
  fixture.clock.Advance(limits::kQuarantineEndKept + absl::Seconds(1));
  const std::vector<NodeQuarantines> later = {Node("n3", {Refused("cluster", "a")})};
  REQUIRE(store->WriteQuarantines(later).ok());
  CHECK(Ids(MustRead(*store)) == Texts{"n3"});
}

TEMPLATE_LIST_TEST_CASE("a last good record that nobody has leaves it unknown what the node has",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Quarantine a = Refused("cluster", "a");
  a.last_good = Sha256("of nothing that is stored");
  REQUIRE(store->WriteQuarantines(std::vector{Node("n1", {a})}).ok());
  const QuarantinePage page = MustRead(*store);
  REQUIRE(page.nodes.size() == 1);
  a.last_good.reset();
  a.may_hold = true;
  CHECK(page.nodes[0].is == Node("n1", {a}));
}

TEMPLATE_LIST_TEST_CASE("what is last good of a secret is opened", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const ResourceKey key{"default", "secret", "s"};
  MustCommit(*store, Changes({{.key = key, .record = {.body = "a private key"}}}));
  Quarantine secret = Refused("secret", "s");
  secret.last_good = RecordHashOf(*store, key);
  REQUIRE(store->WriteQuarantines(std::vector{Node("n1", {secret})}).ok());
  const QuarantinePage page = MustRead(*store);
  REQUIRE(page.nodes.size() == 1);
  REQUIRE(page.nodes[0].last_good[0] != nullptr);
  CHECK(page.nodes[0].last_good[0]->record->body == "a private key");
}

TEMPLATE_LIST_TEST_CASE(
    "quarantines wake who waits for a change, and make no revision and no "
    "event",
    "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  const Head before = *store->ReadHead();
  const auto outbox = store->ReadOutbox({}, 1000)->size();
  for (int i = 0; i < 3; ++i) {
    const std::vector<NodeQuarantines> nodes = {Node("n1", {Refused("cluster", "a")}), Node("n2")};
    const absl::StatusOr<Head> head = store->WriteQuarantines(nodes);
    REQUIRE(head.ok());
    CHECK(head->revision == before.revision);
    CHECK(head->control_seq == before.control_seq + 2 * (i + 1));
    CHECK(*store->ReadHead() == *head);
  }
  const auto woken = store->WaitForChange(before, absl::InfiniteFuture());
  REQUIRE(woken.ok());
  CHECK(woken->control_seq > before.control_seq);
  CHECK(store->ReadOutbox({}, 1000)->size() == outbox);
  // One entry stands for all of them.
  const auto entries = store->ControlSince(before.control_seq);
  REQUIRE(entries->size() == 1);
  CHECK(entries->front().kind == "quarantines");
  CHECK(entries->front().seq == store->ReadHead()->control_seq);
}

TEMPLATE_LIST_TEST_CASE("many quarantines are read page by page", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  std::vector<NodeQuarantines> nodes;
  for (size_t i = 0; i < limits::kMaxQuarantineBatch; ++i)
    nodes.push_back(Node(absl::StrCat("n", i), {Refused("cluster", "a")}));
  REQUIRE(store->WriteQuarantines(nodes).ok());
  REQUIRE(store->WriteQuarantines(std::vector{Node("last", {Refused("cluster", "a")})}).ok());
  const QuarantinePage first = MustRead(*store);
  CHECK(first.nodes.size() == limits::kMaxQuarantineBatch);
  CHECK_FALSE(first.complete);
  const QuarantinePage rest = MustRead(*store, first.as_of);
  CHECK(rest.complete);
  CHECK(Ids(rest) == Texts{"last"});
}

TEMPLATE_LIST_TEST_CASE("quarantines that break a limit are refused and nothing is written",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const auto refused = [&](const std::vector<NodeQuarantines>& nodes) {
    return absl::IsInvalidArgument(store->WriteQuarantines(nodes).status());
  };
  const NodeQuarantines good = Node("n1", {Refused("cluster", "a")});
  CHECK(refused({good, Node("", {Refused("cluster", "a")})}));
  CHECK(refused({good, good}));
  CHECK(refused({good, Node("n2", {Refused("cluster", "a"), Refused("cluster", "a")})}));
  CHECK(refused({good, Node("n2", {Refused("", "a")})}));
  CHECK(refused({good, Node(std::string(limits::kMaxNameBytes + 1, 'n'))}));
  CHECK(refused({good, Node("n\xff")}));
  Quarantine wordy = Refused("cluster", "a");
  wordy.error = std::string(limits::kMaxMessageBytes + 1, 'e');
  CHECK(refused({good, Node("n2", {wordy})}));
  NodeQuarantines many = Node("n2");
  for (size_t i = 0; i <= limits::kMaxQuarantinesPerNode; ++i)
    many.quarantines.push_back(Refused("cluster", absl::StrCat(i)));
  CHECK(refused({good, many}));
  CHECK(refused(std::vector<NodeQuarantines>(limits::kMaxQuarantineBatch + 1, good)));
  CHECK(MustRead(*store).nodes.empty());
  REQUIRE(store->WriteQuarantines({}).ok());
  CHECK(store->ReadHead()->control_seq == 0);
}

TEMPLATE_LIST_TEST_CASE("quarantines are there after a reopening", "[store]", StoreFixtures) {
  if constexpr (!TestType::kReopens) {
    WARN("n/a: nothing in memory survives");
    return;
  }
  TestType fixture;
  const NodeQuarantines node = Node("n1", {Refused("cluster", "a")});
  {
    auto store = fixture.Open();
    REQUIRE(store->WriteQuarantines(std::vector{node}).ok());
  }
  auto store = fixture.Open();
  const QuarantinePage page = MustRead(*store);
  REQUIRE(page.nodes.size() == 1);
  CHECK(page.nodes[0].is == node);
}

}  // namespace
}  // namespace signalbox::testing
