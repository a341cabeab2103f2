#include "server/fleet/node_status.h"

#include <algorithm>
#include <map>
#include <utility>

namespace signalbox {
namespace {

// Adds what another stream tells of the same type.
void Add(NodeTypeStatus& to, NodeTypeStatus&& other) {
  const bool idle = to.state == NodeState::kIdle, other_idle = other.state == NodeState::kIdle;
  if (idle != other_idle) {
    if (idle) to = std::move(other);
    return;
  }
  to.revision = std::min(to.revision, other.revision);
  to.refused.insert(to.refused.end(), other.refused.begin(), other.refused.end());
  if (to.error.empty()) to.error = other.error;
  if (Severity(other.state) > Severity(to.state)) {
    to.state = other.state;
    to.since = other.since;
    to.detail = std::move(other.detail);
  } else if (other.state == to.state) {
    to.since = std::max(to.since, other.since);
  }
}

}  // namespace

int Severity(NodeState state) {
  switch (state) {
    case NodeState::kGone:
    case NodeState::kIdle:
      return 0;
    case NodeState::kSynced:
      return 1;
    case NodeState::kHeld:
      return 2;
    case NodeState::kPending:
      return 3;
    case NodeState::kWarming:
      return 4;
    case NodeState::kStale:
      return 5;
    case NodeState::kNack:
      return 6;
  }
  return 0;
}

void SumUp(NodeStatus* node) {
  bool first = true;
  node->state = NodeState::kIdle;
  node->since = absl::InfinitePast();
  node->detail.clear();
  node->revision = Revision{};
  for (const NodeTypeStatus& type : node->types) {
    if (type.state != NodeState::kIdle) {
      node->revision = first ? type.revision : std::min(node->revision, type.revision);
      first = false;
    }
    if (Severity(type.state) > Severity(node->state)) {
      node->state = type.state;
      node->since = type.since;
      node->detail = type.detail;
    } else if (type.state == node->state) {
      node->since = std::max(node->since, type.since);
    }
  }
}

NodeStatus Merged(std::vector<NodeStatus> streams) {
  NodeStatus merged = std::move(streams.back());
  streams.pop_back();
  if (streams.empty()) return merged;
  bool told_by_all_types = !merged.of_one_type;
  std::map<std::string, bool> of_one_type;  // by type: who told it
  for (const NodeTypeStatus& type : merged.types) of_one_type[type.type] = merged.of_one_type;
  for (auto stream = streams.rbegin(); stream != streams.rend(); ++stream) {
    merged.connected = std::min(merged.connected, stream->connected);
    // An older aggregated stream beside a newer one is a reconnect that nobody has noticed yet.
    if (!stream->of_one_type && std::exchange(told_by_all_types, true)) continue;
    for (NodeTypeStatus& type : stream->types) {
      const auto [told, is_new] = of_one_type.try_emplace(type.type, stream->of_one_type);
      if (is_new) {
        merged.types.push_back(std::move(type));
      } else if (told->second && stream->of_one_type) {
        Add(*std::find_if(merged.types.begin(), merged.types.end(),
                          [&](const NodeTypeStatus& other) { return other.type == type.type; }),
            std::move(type));
      }
    }
  }
  if (merged.types.empty()) return merged;
  SumUp(&merged);
  return merged;
}

}  // namespace signalbox
