#include "server/admin/nodes.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace signalbox {
namespace {

NodeStatus Node(const std::string& id, int64_t connected = 100, int64_t revision = 7) {
  NodeStatus node;
  node.namespace_name = "default";
  node.group = "default";
  node.id = id;
  node.connected = absl::FromUnixSeconds(connected);
  node.since = absl::FromUnixMillis(100500);
  node.revision = Revision{revision};
  return node;
}

NodesHandler HandlerOf(std::vector<NodeStatus> nodes, int64_t served = 7) {
  return NodesHandler(
      {.nodes = [nodes] { return nodes; }, .served = [served] { return Revision{served}; }});
}

TEST_CASE("a node is shown with all that is known of it", "[admin]") {
  NodeStatus node = Node("edge-1", 100, 5);
  node.client = "envoy 1.40.0";
  node.variant = "delta";
  node.state = NodeState::kNack;
  node.detail = "listener/a: no";
  node.types = {{.type = "listener",
                 .state = NodeState::kNack,
                 .revision = Revision{4},
                 .since = absl::FromUnixSeconds(99),
                 .refused = {"a"},
                 .error = "no",
                 .detail = "refused"}};
  const auto response = HandlerOf({node}).List({}, Caller{});
  REQUIRE(response.ok());
  CHECK(response->revision() == 7);
  REQUIRE(response->nodes_size() == 1);
  const admin::v1::Node& out = response->nodes(0);
  CHECK(out.id() == "edge-1");
  CHECK(out.state() == admin::v1::NACK);
  CHECK(out.revision() == 5);
  CHECK(out.behind() == 2);
  CHECK(out.client() == "envoy 1.40.0");
  CHECK(out.since().seconds() == 100);
  CHECK(out.since().nanos() == 500000000);
  REQUIRE(out.types_size() == 1);
  CHECK(out.types(0).kind() == "listener");
  CHECK(out.types(0).refused(0) == "a");
  CHECK(out.types(0).error() == "no");
}

TEST_CASE("nodes come sorted, in pages, each once, even with two streams of one id", "[admin]") {
  NodesHandler handler = HandlerOf({Node("c"), Node("b", 2), Node("b", 1), Node("a"), Node("d")});
  admin::v1::ListNodesRequest request;
  request.set_page_size(2);
  std::string seen;
  do {
    const auto page = handler.List(request, Caller{});
    REQUIRE(page.ok());
    for (const auto& node : page->nodes())
      absl::StrAppend(&seen, node.id(), node.connected().seconds(), " ");
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  CHECK(seen == "a100 b1 b2 c100 d100 ");
}

TEST_CASE("nodes can be asked for by id, and a token is of that list alone", "[admin]") {
  NodesHandler handler = HandlerOf({Node("a"), Node("b", 1), Node("b", 2)});
  admin::v1::ListNodesRequest request;
  request.set_id("b");
  request.set_page_size(1);
  const auto page = handler.List(request, Caller{});
  REQUIRE(page.ok());
  CHECK(page->nodes(0).id() == "b");
  request.set_page_token(page->next_page_token());
  CHECK(handler.List(request, Caller{})->nodes(0).connected().seconds() == 2);
  request.clear_id();
  CHECK(handler.List(request, Caller{}).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("every state has its word in the API", "[admin]") {
  for (const NodeState state :
       {NodeState::kSynced, NodeState::kPending, NodeState::kWarming, NodeState::kStale,
        NodeState::kNack, NodeState::kHeld, NodeState::kIdle, NodeState::kGone}) {
    CHECK(admin::v1::NodeState_Name(ToProto(state)) == std::string(NodeStateName(state)));
  }
}

}  // namespace
}  // namespace signalbox
