#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/audit_log.h"
#include "storage/model/audit_event.h"

namespace signalbox {

// What every audit log decides alike, apart from its database. Pure.

// What is to be written: rows, and the head after them.
struct AuditAppend {
  AuditHead head;
  std::vector<AuditRecord> records;

  // Adds an event at the end of the chain.
  void Add(const AuditEvent& event, const AuditCursor& origin);
};

// Whether outbox rows lead from `after` to `upto` (AuditLog::AppendFromOutbox) and may be written.
//   kInvalidArgument  they do not, or there are too many, or CheckAuditEvent
absl::Status CheckOutbox(const AuditCursor& after, const AuditCursor& upto,
                         absl::Span<const OutboxRow> rows);

// What checked rows become on top of `head`; `now` is the time of "store restored".
AuditAppend PlanOutbox(const AuditHead& head, const AuditCursor& upto,
                       absl::Span<const OutboxRow> rows, absl::Time now);

// The head and the records with numbers above `after` in their order, at most `count`, in one
// consistent read.
struct AuditChainPart {
  AuditHead head;
  std::vector<AuditRecord> records;
};
using ReadAuditChain = std::function<absl::StatusOr<AuditChainPart>(int64_t after, int count)>;

// AuditLog::VerifyChain over `read`, part by part: what is pruned meanwhile is left out.
absl::StatusOr<AuditHead> VerifyAuditChain(const ReadAuditChain& read);

}  // namespace signalbox
