#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/model/quarantine.h"

namespace signalbox {

// What every store refuses of quarantines before it looks at the database. Pure.
//   kInvalidArgument  text that is none, too long or missing; more than
//                     limits::kMaxQuarantinesPerNode of a node or limits::kMaxQuarantineBatch
//                     nodes; a node, or a resource of a node, twice
absl::Status CheckQuarantines(absl::Span<const NodeQuarantines> nodes);

}  // namespace signalbox
