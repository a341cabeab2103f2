#include "storage/model/audit_event.h"

namespace signalbox {

absl::string_view AuditOutcomeName(AuditOutcome outcome) {
  switch (outcome) {
    case AuditOutcome::kDone:
      return "done";
    case AuditOutcome::kRefused:
      return "refused";
    case AuditOutcome::kFailed:
      return "failed";
  }
  return "unknown";
}

Digest AuditDigest(const Digest& previous, int64_t number, const AuditCursor& origin,
                   const AuditEvent& event) {
  Hasher hasher;
  hasher.Add(previous.View()).Add(static_cast<uint64_t>(number));
  hasher.Add(origin.epoch).Add(static_cast<uint64_t>(origin.seq));
  hasher.Add(static_cast<uint64_t>(absl::ToUnixMillis(event.time)));
  hasher.Add(event.principal).Add(event.action).Add(event.resource);
  hasher.Add(static_cast<uint64_t>(event.revision.number)).Add(event.request_id);
  hasher.Add(static_cast<uint64_t>(event.outcome)).Add(event.detail).Add(event.source);
  return hasher.Finish();
}

}  // namespace signalbox
