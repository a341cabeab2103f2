#pragma once

#include "absl/strings/string_view.h"

namespace signalbox {

// How far a proxy, or one type at a proxy, is (OPERATORS section 3). The numbers are stored: append
// only.
enum class NodeState {
  kSynced = 1,
  kPending = 2,
  kWarming = 3,
  kStale = 4,
  kNack = 5,
  kHeld = 6,
  kIdle = 7,
  kGone = 8,
};

// "SYNCED", "PENDING", ...: the name in tables, the API and metrics.
absl::string_view NodeStateName(NodeState state);

}  // namespace signalbox
