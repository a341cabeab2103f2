#pragma once

#include "absl/status/status.h"
#include "storage/model/audit_event.h"
#include "storage/model/control_entry.h"

namespace signalbox {

// What every audit log and every outbox refuses before it looks at the database: text beyond
// storage/limits.h, NUL in it or no UTF-8, no principal or no action. Pure.
//   kInvalidArgument  the text names the field
absl::Status CheckAuditEvent(const AuditEvent& event);

// The same of what a caller puts into the control log: no kind, text that is too long or no text.
absl::Status CheckControlEntry(const ControlEntry& entry);

}  // namespace signalbox
