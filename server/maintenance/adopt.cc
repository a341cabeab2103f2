#include "server/maintenance/adopt.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "storage/model/audit_event.h"

namespace signalbox {

absl::StatusOr<Head> Adopt(ResourceStore* store, const std::string& principal, absl::Time now) {
  SB_ASSIGN_OR_RETURN(const Head before, store->ReadHead());
  return store->StartEpoch(
      {.time = now,
       .principal = principal,
       .action = "adopt",
       .revision = before.revision,
       .outcome = AuditOutcome::kDone,
       .detail = absl::StrCat("the store is taken as it is, at revision ", before.revision.number),
       .source = "offline"});
}

}  // namespace signalbox
