#include "server/admin/nodes.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "server/admin/errors.h"
#include "server/admin/page_token.h"
#include "server/admin/proto_time.h"

namespace signalbox {
namespace {

using Position = std::tuple<std::string, std::string, std::string, int64_t>;

// What the list is sorted by.
Position PositionOf(const NodeStatus& node) {
  return {node.namespace_name, node.group, node.id, absl::ToUnixNanos(node.connected)};
}

admin::v1::Node ToProto(const NodeStatus& node, Revision served) {
  admin::v1::Node out;
  out.set_namespace_(node.namespace_name);
  out.set_group(node.group);
  out.set_id(node.id);
  out.set_state(signalbox::ToProto(node.state));
  out.set_revision(node.revision.number);
  out.set_behind(std::max<int64_t>(0, served.number - node.revision.number));
  out.set_client(node.client);
  out.set_variant(node.variant);
  SetTimestamp(node.since, out.mutable_since());
  SetTimestamp(node.connected, out.mutable_connected());
  out.set_detail(node.detail);
  for (const NodeTypeStatus& type : node.types) {
    admin::v1::NodeType* out_type = out.add_types();
    out_type->set_kind(type.type);
    out_type->set_state(signalbox::ToProto(type.state));
    out_type->set_revision(type.revision.number);
    for (const std::string& name : type.refused) out_type->add_refused(name);
    out_type->set_error(type.error);
    SetTimestamp(type.since, out_type->mutable_since());
    out_type->set_detail(type.detail);
  }
  return out;
}

}  // namespace

NodesHandler::NodesHandler(FleetView fleet) : fleet_(std::move(fleet)) {}

absl::StatusOr<admin::v1::ListNodesResponse> NodesHandler::List(
    const admin::v1::ListNodesRequest& request, const Caller& caller) {
  SB_ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  const std::vector<std::string> list = {"nodes", request.id()};
  std::vector<NodeStatus> nodes = fleet_.nodes();
  if (!request.id().empty()) {
    std::erase_if(nodes, [&](const NodeStatus& node) { return node.id != request.id(); });
  }
  std::stable_sort(nodes.begin(), nodes.end(), [](const NodeStatus& a, const NodeStatus& b) {
    return PositionOf(a) < PositionOf(b);
  });

  auto first = nodes.begin();
  if (!request.page_token().empty()) {
    SB_ASSIGN_OR_RETURN(std::vector<std::string> parts,
                        ParsePageToken(request.page_token(), list, 4));
    Position last;
    if (!absl::SimpleAtoi(parts[3], &std::get<3>(last))) return errors::BadPageToken();
    std::tie(std::get<0>(last), std::get<1>(last), std::get<2>(last)) =
        std::tie(parts[0], parts[1], parts[2]);
    first = std::find_if(nodes.begin(), nodes.end(),
                         [&](const NodeStatus& node) { return PositionOf(node) > last; });
  }

  admin::v1::ListNodesResponse response;
  const Revision served = fleet_.served();
  response.set_revision(served.number);
  auto end = nodes.end() - first > page_size ? first + page_size : nodes.end();
  for (auto node = first; node != end; ++node) *response.add_nodes() = ToProto(*node, served);
  if (end != nodes.end()) {
    const NodeStatus& last = *(end - 1);
    response.set_next_page_token(
        MakePageToken(list, {last.namespace_name, last.group, last.id,
                             absl::StrCat(absl::ToUnixNanos(last.connected))}));
  }
  return response;
}

admin::v1::NodeState ToProto(NodeState state) {
  switch (state) {
    case NodeState::kSynced:
      return admin::v1::SYNCED;
    case NodeState::kPending:
      return admin::v1::PENDING;
    case NodeState::kWarming:
      return admin::v1::WARMING;
    case NodeState::kStale:
      return admin::v1::STALE;
    case NodeState::kNack:
      return admin::v1::NACK;
    case NodeState::kHeld:
      return admin::v1::HELD;
    case NodeState::kIdle:
      return admin::v1::IDLE;
    case NodeState::kGone:
      return admin::v1::GONE;
  }
  return admin::v1::NODE_STATE_UNSPECIFIED;
}

}  // namespace signalbox
