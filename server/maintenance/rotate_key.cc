#include "server/maintenance/rotate_key.h"

#include "storage/model/audit_event.h"

namespace signalbox {

absl::StatusOr<KeyRotation> RotateKey(ResourceStore* store, ResourceStore::NewKey new_key,
                                      const std::string& principal, absl::Time now) {
  return store->RotateKey(new_key, {.time = now,
                                    .principal = principal,
                                    .action = "rotate key",
                                    .outcome = AuditOutcome::kDone,
                                    .detail = new_key == ResourceStore::NewKey::kYes
                                                  ? "secrets are sealed with a new key"
                                                  : "secrets are sealed with the active key",
                                    .source = "offline"});
}

}  // namespace signalbox
