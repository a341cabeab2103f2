#include "server/maintenance/adopt.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "storage/model/audit_event.h"
#include "storage/witness.h"
#include "storage/witness_file.h"

namespace signalbox {

absl::StatusOr<Head> Adopt(ResourceStore* store, AuditLog* audit, const std::string& witness_file,
                           const std::string& principal, absl::Time now) {
  SB_ASSIGN_OR_RETURN(const Head before, store->ReadHead());
  SB_ASSIGN_OR_RETURN(const AuditHead log, audit->ReadHead());
  std::vector<Witness> witnesses = {
      {.name = "the audit log", .epoch = log.cursor.epoch, .revision = log.revision}};
  if (!witness_file.empty()) {
    const absl::StatusOr<Witness> witness = ReadWitnessFile(witness_file);
    if (!witness.ok() && !absl::IsDataLoss(witness.status())) return witness.status();
    if (witness.ok()) witnesses.push_back(*witness);
  }
  SB_ASSIGN_OR_RETURN(
      const Head head,
      AdoptStore(store, witnesses,
                 {.time = now,
                  .principal = principal,
                  .action = "adopt",
                  .revision = before.revision,
                  .outcome = AuditOutcome::kDone,
                  .detail = absl::StrCat("the store is taken as it is, at revision ",
                                         before.revision.number),
                  .source = "offline"}));
  if (!witness_file.empty()) SB_RETURN_IF_ERROR(WriteWitnessFile(witness_file, head));
  return head;
}

}  // namespace signalbox
