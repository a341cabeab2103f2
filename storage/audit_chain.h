#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/hash.h"
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

// An event as Prune looks at it, in the order of numbers.
struct AuditStep {
  int64_t number = 0;
  absl::Time time;
  Digest digest;
};

// The head without those of `oldest` (the oldest events kept, without gaps) that `retention` does
// not keep; its `oldest` says from where on events stay.
AuditHead PlanPrune(const AuditHead& head, absl::Span<const AuditStep> oldest,
                    const AuditRetention& retention, absl::Time now);

// What a list refuses.
//   kInvalidArgument  a text is none, a time is beyond the calendar
absl::Status CheckAuditFilter(const AuditFilter& filter);
// What a page of a list is below: `below`, or what the filter's `until` says.
AuditPosition AuditBound(const AuditFilter& filter, const std::optional<AuditPosition>& below);
// Makes a page of `count` of one that was read with one record more than that.
void CutPage(size_t count, AuditPage* page);

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
