#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace signalbox::limits {

// How far the audit log may be behind the changes that it tells of: changes go on while it cannot
// be written, but not for ever. Beyond either: RESOURCE_EXHAUSTED for changes, until it is written
// again.
inline constexpr int64_t kMaxAuditBacklog = 100000;
inline constexpr absl::Duration kMaxAuditDelay = absl::Hours(24);

// How long rows stay in the outbox after they were moved: for who restores an older audit log.
inline constexpr absl::Duration kOutboxKept = absl::Hours(24);

}  // namespace signalbox::limits
