#include "storage/model/node_state.h"

namespace signalbox {

absl::string_view NodeStateName(NodeState state) {
  switch (state) {
    case NodeState::kSynced:
      return "SYNCED";
    case NodeState::kPending:
      return "PENDING";
    case NodeState::kWarming:
      return "WARMING";
    case NodeState::kStale:
      return "STALE";
    case NodeState::kNack:
      return "NACK";
    case NodeState::kHeld:
      return "HELD";
    case NodeState::kIdle:
      return "IDLE";
    case NodeState::kGone:
      return "GONE";
  }
  return "UNKNOWN";
}

}  // namespace signalbox
