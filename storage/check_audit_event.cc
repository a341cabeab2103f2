#include "storage/check_audit_event.h"

#include "base/status_macros.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"

namespace signalbox {

absl::Status CheckAuditEvent(const AuditEvent& event) {
  if (event.principal.empty()) return errors::Missing("an audit event's principal");
  if (event.action.empty()) return errors::Missing("an audit event's action");
  SB_RETURN_IF_ERROR(
      CheckText("an audit event's principal", event.principal, limits::kMaxNameBytes));
  SB_RETURN_IF_ERROR(CheckText("an audit event's action", event.action, limits::kMaxNameBytes));
  SB_RETURN_IF_ERROR(
      CheckText("an audit event's resource", event.resource, limits::kMaxAuditResourceBytes));
  SB_RETURN_IF_ERROR(
      CheckText("an audit event's request id", event.request_id, limits::kMaxRequestIdBytes));
  SB_RETURN_IF_ERROR(CheckText("an audit event's detail", event.detail, limits::kMaxMessageBytes));
  return CheckText("an audit event's source", event.source, limits::kMaxNameBytes);
}

absl::Status CheckControlEntry(const ControlEntry& entry) {
  if (entry.kind.empty()) return errors::Missing("a control entry's kind");
  SB_RETURN_IF_ERROR(CheckText("a control entry's kind", entry.kind, limits::kMaxNameBytes));
  return CheckText("a control entry's subject", entry.subject, limits::kMaxAuditResourceBytes);
}

}  // namespace signalbox
