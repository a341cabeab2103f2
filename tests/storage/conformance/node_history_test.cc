// What NodeHistory promises, of every backend.
#include "storage/node_history.h"

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
using Names = std::vector<std::string>;

const absl::Time kStart = absl::FromUnixSeconds(1000000000);

NodeRecord Node(absl::string_view id, NodeState state = NodeState::kSynced,
                absl::string_view instance = "i1") {
  return {.id = std::string(id),
          .namespace_name = "default",
          .group = "edge",
          .instance = std::string(instance),
          .connected = kStart,
          .state = state,
          .since = kStart};
}

NackRecord Nack(absl::string_view fingerprint, absl::string_view node) {
  return {.fingerprint = std::string(fingerprint),
          .type = "cluster",
          .resource = "a",
          .node = std::string(node),
          .message = "bad",
          .first_seen = kStart,
          .last_seen = kStart};
}

void MustWrite(NodeHistory& history, const NodeHistoryBatch& batch) {
  const auto written = history.Write(batch);
  REQUIRE(written.ok());
  CHECK(written->refused == 0);
}

std::vector<NodeState> States(NodeHistory& history, absl::string_view node) {
  std::vector<NodeState> states;
  const auto page = history.ListStatusChanges(node, std::nullopt, 100);
  REQUIRE(page.ok());
  for (const NodeStatusChange& change : page->changes) states.push_back(change.state);
  return states;
}

Names Ids(NodeHistory& history, const NodeFilter& filter) {
  Names ids;
  const auto page = history.ListNodes(filter, std::nullopt, 100);
  REQUIRE(page.ok());
  for (const NodeRecord& node : page->nodes) ids.push_back(node.id);
  return ids;
}

TEMPLATE_LIST_TEST_CASE("a node is read back as it was written", "[nodes]", AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  NodeRecord node = Node("edge-1 \"Grüße\"", NodeState::kNack);
  node.client = "envoy 1.40.0";
  node.variant = "delta";
  node.connected = kStart + absl::Microseconds(1500);
  node.since = kStart + absl::Milliseconds(2);
  node.epoch = 0xfedcba9876543210;
  node.revision = Revision{41};
  node.acked = {{"cluster", Revision{41}}, {"listener \"x\"", Revision{40}}};
  node.detail = "listener/x: no\nway";
  MustWrite(*history, {.nodes = {node}});
  const auto read = history->GetNode(node.id);
  REQUIRE(read.ok());
  CHECK(read->id == node.id);
  CHECK(read->namespace_name == "default");
  CHECK(read->group == "edge");
  CHECK(read->client == node.client);
  CHECK(read->variant == "delta");
  CHECK(read->instance == "i1");
  CHECK(read->connected == kStart + absl::Milliseconds(1));
  CHECK(read->state == NodeState::kNack);
  CHECK(read->since == node.since);
  CHECK(read->epoch == node.epoch);
  CHECK(read->revision == node.revision);
  CHECK(read->acked == node.acked);
  CHECK(read->detail == node.detail);
  CHECK(read->seen == fixture.clock.Now());
  CHECK(history->GetNode("other").status().code() == StatusCode::kNotFound);
  CHECK(*history->SizeBytes() > 0);
}

TEMPLATE_LIST_TEST_CASE("a node's history grows with its state and group, and only then", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  MustWrite(*history, {.nodes = {Node("a", NodeState::kPending)}});
  NodeRecord node = Node("a");
  node.revision = Revision{7};
  MustWrite(*history, {.nodes = {node}});
  node.revision = Revision{8};
  MustWrite(*history, {.nodes = {node}});  // the same state
  node.group = "other";
  MustWrite(*history, {.nodes = {node, Node("b")}});
  CHECK(States(*history, "a") ==
        std::vector<NodeState>{NodeState::kSynced, NodeState::kSynced, NodeState::kPending});
  const auto page = history->ListStatusChanges("a", std::nullopt, 2);
  REQUIRE(page->changes.size() == 2);
  CHECK(page->changes[0].group == "other");
  CHECK(page->changes[0].revision == Revision{8});
  CHECK(page->changes[1].revision == Revision{7});
  REQUIRE(page->next_below.has_value());
  const auto rest = history->ListStatusChanges("a", page->next_below, 2);
  CHECK(rest->changes.size() == 1);
  CHECK(!rest->next_below.has_value());
  CHECK(States(*history, "nobody").empty());
}

TEMPLATE_LIST_TEST_CASE("a node that stands twice in a batch has both its states", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  MustWrite(*history, {.nodes = {Node("a", NodeState::kPending), Node("b"), Node("a")}});
  CHECK(history->GetNode("a")->state == NodeState::kSynced);
  CHECK(States(*history, "a") == std::vector<NodeState>{NodeState::kSynced, NodeState::kPending});
}

TEMPLATE_LIST_TEST_CASE("that a node is gone is taken from the instance it was at, only", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  MustWrite(*history, {.nodes = {Node("a", NodeState::kSynced, "i1")}});
  NodeRecord moved = Node("a", NodeState::kSynced, "i2");
  moved.connected = kStart + absl::Seconds(1);
  MustWrite(*history, {.nodes = {moved}});
  CHECK(history->GetNode("a")->instance == "i2");
  MustWrite(*history, {.nodes = {Node("a", NodeState::kGone, "i1")}});
  CHECK(history->GetNode("a")->state == NodeState::kSynced);
  MustWrite(*history, {.nodes = {Node("a", NodeState::kNack, "i1")}});  // of an older stream
  CHECK(history->GetNode("a")->instance == "i2");
  moved.state = NodeState::kGone;
  MustWrite(*history, {.nodes = {moved}});
  CHECK(history->GetNode("a")->state == NodeState::kGone);
  CHECK(States(*history, "a") == std::vector<NodeState>{NodeState::kGone, NodeState::kSynced});
}

TEMPLATE_LIST_TEST_CASE("rows that break a limit are left out and do not hold up the others",
                        "[nodes]", AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  std::vector<NodeRecord> bad(6, Node("bad"));
  bad[0].id = "";
  bad[1].id = std::string("a\0b", 3);
  bad[2].detail = "\xff";
  bad[3].client = std::string(limits::kMaxNameBytes + 1, 'x');
  bad[4].since = absl::InfiniteFuture();
  for (size_t i = 0; i <= limits::kMaxTypesPerNode; ++i) bad[5].acked[absl::StrCat(i)];
  NodeHistoryBatch batch = {.nodes = bad};
  batch.nodes.push_back(Node("good"));
  batch.nacks = {Nack("f", ""), Nack("\xff", "good"), Nack("f", "good")};
  batch.instance = InstanceRecord{.name = "", .started = kStart};
  const auto written = history->Write(batch);
  REQUIRE(written.ok());
  CHECK(written->refused == 9);
  CHECK(written->first_refused.code() == StatusCode::kInvalidArgument);
  CHECK(Ids(*history, {}) == Names{"good"});
  CHECK(history->ListNacks({}, std::nullopt, 10)->nacks.size() == 1);
  CHECK(history->ListInstances()->empty());
}

TEMPLATE_LIST_TEST_CASE("a batch beyond the limit is refused whole", "[nodes]", AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  NodeHistoryBatch batch;
  batch.nodes.assign(limits::kMaxHistoryBatch + 1, Node("a"));
  CHECK(history->Write(batch).status().code() == StatusCode::kInvalidArgument);
  CHECK(Ids(*history, {}).empty());
}

TEMPLATE_LIST_TEST_CASE("an empty batch writes nothing and is no error", "[nodes]", AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  MustWrite(*history, {});
  CHECK(history->CountNodes()->empty());
}

TEMPLATE_LIST_TEST_CASE("nodes are listed by namespace, group and id, by bytes, page by page",
                        "[nodes]", AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  std::vector<NodeRecord> nodes;
  for (const char* id : {"b", "B", "a", "ä"}) nodes.push_back(Node(id));
  nodes.push_back(Node("z"));
  nodes.back().group = "Edge";
  nodes.push_back(Node("y"));
  nodes.back().namespace_name = "a";
  MustWrite(*history, {.nodes = nodes});
  Names ids;
  std::optional<NodePosition> after;
  int pages = 0;
  do {
    const auto page = history->ListNodes({}, after, 4);
    REQUIRE(page.ok());
    for (const NodeRecord& node : page->nodes) ids.push_back(node.id);
    after = page->next_after;
    ++pages;
  } while (after.has_value());
  CHECK(ids == Names{"y", "z", "B", "a", "b", "ä"});
  CHECK(pages == 2);
}

TEMPLATE_LIST_TEST_CASE("nodes are chosen by namespace, group, instance and state", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  NodeRecord other = Node("b", NodeState::kNack, "i2");
  other.namespace_name = "team";
  other.group = "grpc";
  MustWrite(*history, {.nodes = {Node("a"), other, Node("c", NodeState::kGone)}});
  CHECK(Ids(*history, {.namespace_name = "team"}) == Names{"b"});
  CHECK(Ids(*history, {.group = "edge"}) == Names{"a", "c"});
  CHECK(Ids(*history, {.instance = "i2"}) == Names{"b"});
  CHECK(Ids(*history, {.state = NodeState::kGone}) == Names{"c"});
  CHECK(Ids(*history, {.group = "edge", .state = NodeState::kSynced}) == Names{"a"});
  CHECK(Ids(*history, {.group = "Edge"}).empty());
  CHECK(history->ListNodes({.group = "\xff"}, std::nullopt, 1).status().code() ==
        StatusCode::kInvalidArgument);
  CHECK(*history->CountNodes() == std::map<NodeState, int64_t>{{NodeState::kSynced, 1},
                                                               {NodeState::kNack, 1},
                                                               {NodeState::kGone, 1}});
}

TEMPLATE_LIST_TEST_CASE("refusals that mean the same are counted in one row", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  NackRecord nack = Nack("f1", "a");
  nack.count = 2;
  nack.epoch = 0x8000000000000001;
  nack.revision = Revision{5};
  MustWrite(*history, {.nacks = {nack}});
  nack.count = 3;
  nack.client = "envoy 1.41.0";
  nack.message = "worse";
  nack.revision = Revision{6};
  nack.first_seen = kStart + absl::Seconds(5);
  nack.last_seen = kStart + absl::Seconds(9);
  MustWrite(*history, {.nacks = {nack, nack}});
  const auto page = history->ListNacks({}, std::nullopt, 10);
  REQUIRE(page->nacks.size() == 1);
  const NackRecord& read = page->nacks[0];
  CHECK(read.count == 8);
  CHECK(read.first_seen == kStart);
  CHECK(read.last_seen == kStart + absl::Seconds(9));
  CHECK(read.message == "worse");
  CHECK(read.client == "envoy 1.41.0");
  CHECK(read.revision == Revision{6});
  CHECK(read.epoch == nack.epoch);
  CHECK(read.type == "cluster");
  CHECK(read.resource == "a");
}

TEMPLATE_LIST_TEST_CASE(
    "refusals are listed the last seen first, by node, fingerprint and resource", "[nodes]",
    AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  std::vector<NackRecord> nacks = {Nack("f1", "a"), Nack("f1", "b"), Nack("f2", "a")};
  nacks[0].last_seen = kStart + absl::Seconds(1);
  nacks[2].resource = "x";
  nacks[2].type = "listener";
  MustWrite(*history, {.nacks = nacks});
  const auto list = [&](const NackFilter& filter) {
    Names found;
    std::optional<NackPosition> below;
    do {
      const auto page = history->ListNacks(filter, below, 1);
      REQUIRE(page.ok());
      for (const NackRecord& nack : page->nacks)
        found.push_back(nack.fingerprint + "/" + nack.node);
      below = page->next_below;
    } while (below.has_value());
    return found;
  };
  CHECK(list({}).size() == 3);
  CHECK(list({}).front() == "f1/a");
  CHECK(list({.node = "b"}) == Names{"f1/b"});
  CHECK(list({.fingerprint = "f1"}) == Names{"f1/a", "f1/b"});
  CHECK(list({.resource = "x"}) == Names{"f2/a"});
  CHECK(list({.node = "a", .type = "listener"}) == Names{"f2/a"});
  CHECK(list({.node = "a"}) == Names{"f1/a", "f2/a"});
  CHECK(history->ListNacks({.node = "\xff"}, std::nullopt, 1).status().code() ==
        StatusCode::kInvalidArgument);
}

TEMPLATE_LIST_TEST_CASE("an instance's row says how far all its nodes are", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  InstanceRecord instance = {.name = "i2",
                             .version = "0.1.0",
                             .address = "10.0.0.1:18000",
                             .started = kStart,
                             .nodes = 3,
                             .epoch = 0xffffffffffffffff,
                             .watermark = Revision{9}};
  MustWrite(*history, {.instance = instance});
  instance.name = "i1";
  MustWrite(*history, {.instance = instance});
  fixture.clock.Advance(absl::Seconds(1));
  instance.watermark = Revision{10};
  MustWrite(*history, {.instance = instance});
  const auto instances = history->ListInstances();
  REQUIRE(instances->size() == 2);
  CHECK((*instances)[0].name == "i1");
  CHECK((*instances)[0].watermark == Revision{10});
  CHECK((*instances)[0].seen == fixture.clock.Now());
  CHECK((*instances)[1].watermark == Revision{9});
  CHECK((*instances)[1].epoch == instance.epoch);
  CHECK((*instances)[1].nodes == 3);
  CHECK((*instances)[1].address == "10.0.0.1:18000");
  CHECK((*instances)[1].started == kStart);
}

TEMPLATE_LIST_TEST_CASE("a forgotten node leaves nothing behind and may come back", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  MustWrite(*history, {.nodes = {Node("a"), Node("b")}, .nacks = {Nack("f", "a"), Nack("f", "b")}});
  REQUIRE(history->ForgetNode("a").ok());
  CHECK(history->GetNode("a").status().code() == StatusCode::kNotFound);
  CHECK(States(*history, "a").empty());
  CHECK(history->ListNacks({}, std::nullopt, 10)->nacks.size() == 1);
  CHECK(States(*history, "b").size() == 1);
  CHECK(history->ForgetNode("a").code() == StatusCode::kNotFound);
  MustWrite(*history, {.nodes = {Node("a")}});
  CHECK(States(*history, "a").size() == 1);
}

TEMPLATE_LIST_TEST_CASE("instances that write at once about the same nodes lose nothing", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  constexpr int kThreads = 4;
  constexpr int kNodes = 20;
  std::vector<absl::Status> results(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      NodeHistoryBatch batch;
      for (int i = 0; i < kNodes; ++i) {
        const int n = t % 2 == 0 ? i : kNodes - 1 - i;
        batch.nodes.push_back(Node(absl::StrCat(n), NodeState::kSynced, absl::StrCat("i", t)));
        batch.nacks.push_back(Nack("f", absl::StrCat(n)));
      }
      results[static_cast<size_t>(t)] = history->Write(batch).status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& result : results) CHECK(result.ok());
  CHECK(Ids(*history, {}).size() == kNodes);
  const auto page = history->ListNacks({}, std::nullopt, 100);
  REQUIRE(page.ok());
  for (const NackRecord& nack : page->nacks) {
    CHECK(nack.count == kThreads);
  }
}

TEMPLATE_LIST_TEST_CASE("pruning takes states and refusals by age and count", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  const auto flip = [&](int times) {
    for (int i = 0; i < times; ++i) {
      MustWrite(*history,
                {.nodes = {Node("a", i % 2 == 0 ? NodeState::kNack : NodeState::kSynced)}});
    }
  };
  flip(4);
  std::vector<NackRecord> nacks = {Nack("f1", "a"), Nack("f2", "a"), Nack("f3", "a")};
  nacks[1].last_seen = kStart + absl::Hours(2);
  nacks[2].last_seen = kStart + absl::Hours(1);
  MustWrite(*history, {.nacks = nacks});
  fixture.clock.Advance(absl::Hours(2));
  flip(4);
  CHECK(*history->Prune({}) == 0);
  CHECK(*history->Prune({.status_age = absl::Hours(1)}) == 4);
  CHECK(States(*history, "a").size() == 4);
  CHECK(*history->Prune({.status_count = 3}) == 1);
  CHECK(States(*history, "a").front() == NodeState::kSynced);
  CHECK(*history->Prune({.nack_count = 2}) == 1);
  CHECK(*history->Prune({.nack_age = absl::Minutes(30)}) == 1);
  CHECK(history->ListNacks({}, std::nullopt, 10)->nacks.front().fingerprint == "f2");
  CHECK(history->GetNode("a").ok());
}

TEMPLATE_LIST_TEST_CASE("pruning takes nodes that are long gone, and silent instances", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  MustWrite(*history, {.nodes = {Node("a", NodeState::kGone), Node("b")},
                       .nacks = {Nack("f", "a")},
                       .instance = InstanceRecord{.name = "i1", .started = kStart}});
  fixture.clock.Advance(absl::Hours(2));
  MustWrite(*history, {.nodes = {Node("c", NodeState::kGone), Node("d", NodeState::kGone)},
                       .instance = InstanceRecord{.name = "i2", .started = kStart}});
  CHECK(*history->Prune({.gone_age = absl::Hours(3), .gone_count = 3}) == 0);
  CHECK(*history->Prune({.gone_age = absl::Hours(1)}) == 1);
  CHECK(Ids(*history, {}) == Names{"b", "c", "d"});
  CHECK(history->ListNacks({}, std::nullopt, 10)->nacks.empty());
  CHECK(States(*history, "a").empty());
  CHECK(*history->Prune({.gone_count = 1}) == 1);
  CHECK(Ids(*history, {}) == Names{"b", "d"});
  CHECK(*history->Prune({.instance_age = absl::Hours(1)}) == 1);
  CHECK(history->ListInstances()->front().name == "i2");
}

TEMPLATE_LIST_TEST_CASE("one turn of pruning takes a bounded number of rows", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  NodeHistoryBatch batch;
  for (int i = 0; i < 600; ++i) batch.nodes.push_back(Node(absl::StrCat(i)));
  MustWrite(*history, batch);
  CHECK(*history->Prune({.status_count = 0}) == limits::kMaxPrunedRows);
  CHECK(*history->Prune({.status_count = 0}) == 600 - limits::kMaxPrunedRows);
  CHECK(*history->Prune({.status_count = 0}) == 0);
}

TEMPLATE_LIST_TEST_CASE("what was written is there when the database is opened again", "[nodes]",
                        AreaFixtures) {
  if (!TestType::kReopens) {
    WARN("n/a: nothing survives in memory");
    return;
  }
  TestType fixture;
  {
    auto history = fixture.OpenNodeHistory();
    MustWrite(*history, {.nodes = {Node("a")}, .nacks = {Nack("f", "a")}});
  }
  fixture.Close();
  auto history = fixture.OpenNodeHistory();
  CHECK(history->GetNode("a").ok());
  CHECK(history->ListNacks({}, std::nullopt, 10)->nacks.size() == 1);
}

TEMPLATE_LIST_TEST_CASE("a node that moved is listed where it is now, and only there", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  NodeRecord node = Node("a");
  MustWrite(*history, {.nodes = {node, Node("b")}});
  node.namespace_name = "team";
  node.group = "grpc";
  MustWrite(*history, {.nodes = {node}});
  CHECK(Ids(*history, {}) == Names{"b", "a"});
  CHECK(Ids(*history, {.namespace_name = "team"}) == Names{"a"});
  CHECK(Ids(*history, {.namespace_name = "default"}) == Names{"b"});
  CHECK(history->CountNodes()->at(NodeState::kSynced) == 2);
}

TEMPLATE_LIST_TEST_CASE("nodes that come and go between two pages move no others", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  MustWrite(*history, {.nodes = {Node("a"), Node("b"), Node("c"), Node("d")}});
  const auto first = history->ListNodes({}, std::nullopt, 2);
  REQUIRE(first->next_after.has_value());
  MustWrite(*history, {.nodes = {Node("aa"), Node("bb")}});
  REQUIRE(history->ForgetNode("b").ok());
  const auto second = history->ListNodes({}, first->next_after, 10);
  Names ids;
  for (const NodeRecord& node : second->nodes) ids.push_back(node.id);
  CHECK(ids == Names{"bb", "c", "d"});
}

TEMPLATE_LIST_TEST_CASE("refusals of another type, resource, node or meaning are counted apart",
                        "[nodes]", AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  std::vector<NackRecord> nacks(5, Nack("f", "a"));
  nacks[1].type = "listener";
  nacks[2].resource = "b";
  nacks[3].node = "b";
  nacks[4].fingerprint = "F";
  MustWrite(*history, {.nacks = nacks});
  MustWrite(*history, {.nacks = nacks});
  const auto page = history->ListNacks({}, std::nullopt, 10);
  REQUIRE(page->nacks.size() == 5);
  for (const NackRecord& nack : page->nacks) CHECK(nack.count == 2);
}

TEMPLATE_LIST_TEST_CASE("a refusal that is told late does not turn back when it was last seen",
                        "[nodes]", AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  NackRecord nack = Nack("f", "a");
  nack.first_seen = nack.last_seen = kStart + absl::Seconds(10);
  MustWrite(*history, {.nacks = {nack}});
  nack.first_seen = nack.last_seen = kStart + absl::Seconds(3);
  MustWrite(*history, {.nacks = {nack}});
  const auto page = history->ListNacks({}, std::nullopt, 10);
  REQUIRE(page->nacks.size() == 1);
  CHECK(page->nacks[0].first_seen == kStart + absl::Seconds(3));
  CHECK(page->nacks[0].last_seen == kStart + absl::Seconds(10));
  CHECK(page->nacks[0].count == 2);
}

TEMPLATE_LIST_TEST_CASE("every state comes back and is counted by its own", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  NodeHistoryBatch batch;
  for (int state = 1; state <= 8; ++state) {
    for (int i = 0; i < state; ++i) {
      batch.nodes.push_back(Node(absl::StrCat(state, "-", i), static_cast<NodeState>(state)));
    }
  }
  MustWrite(*history, batch);
  const auto counts = history->CountNodes();
  REQUIRE(counts.ok());
  for (int state = 1; state <= 8; ++state) {
    CHECK(counts->at(static_cast<NodeState>(state)) == state);
    CHECK(Ids(*history, {.state = static_cast<NodeState>(state)}).size() ==
          static_cast<size_t>(state));
  }
}

TEMPLATE_LIST_TEST_CASE("a node and a refusal with everything at its limit are taken", "[nodes]",
                        AreaFixtures) {
  TestType fixture;
  auto history = fixture.OpenNodeHistory();
  NodeRecord node = Node(Incompressible(limits::kMaxNameBytes));
  node.namespace_name = Incompressible(limits::kMaxScopeBytes);
  node.group = node.client = node.variant = node.instance = Incompressible(limits::kMaxNameBytes);
  node.detail = Incompressible(limits::kMaxMessageBytes);
  for (size_t i = 0; i < limits::kMaxTypesPerNode; ++i) node.acked[absl::StrCat(i)] = Revision{7};
  NackRecord nack = Nack(Incompressible(limits::kMaxScopeBytes), node.id);
  nack.type = Incompressible(limits::kMaxScopeBytes);
  nack.resource = nack.client = Incompressible(limits::kMaxNameBytes);
  nack.message = Incompressible(limits::kMaxMessageBytes);
  MustWrite(*history, {.nodes = {node}, .nacks = {nack}});
  const auto read = history->GetNode(node.id);
  REQUIRE(read.ok());
  CHECK(read->acked == node.acked);
  CHECK(read->detail == node.detail);
  CHECK(history->ListNacks({.resource = nack.resource}, std::nullopt, 10)->nacks.size() == 1);
}

}  // namespace
}  // namespace signalbox::testing
