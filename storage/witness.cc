#include "storage/witness.h"

#include <vector>

#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/model/control_entry.h"

namespace signalbox {

absl::StatusOr<bool> HasEnded(ResourceStore* store, std::optional<uint64_t> epoch) {
  const ControlEntry ended = EpochEnded(epoch.value_or(0));
  int64_t after = 0;
  while (true) {
    SB_ASSIGN_OR_RETURN(const std::vector<ControlEntry> entries, store->ControlSince(after));
    if (entries.empty()) return false;
    for (const ControlEntry& entry : entries) {
      if (entry.kind == ended.kind && (!epoch.has_value() || entry.subject == ended.subject))
        return true;
    }
    after = entries.back().seq;
  }
}

absl::Status CheckWitness(ResourceStore* store, const Witness& witness) {
  if (witness.epoch == 0) return absl::OkStatus();
  SB_ASSIGN_OR_RETURN(const Head head, store->ReadHead());
  const bool another = !witness.store_id.empty() && witness.store_id != head.store_id;
  if (another || witness.epoch != head.epoch) {
    SB_ASSIGN_OR_RETURN(const bool ended, HasEnded(store, witness.epoch));
    if (ended) return absl::OkStatus();
    return another ? errors::AnotherStore(witness.name, witness.store_id, head.store_id)
                   : errors::EpochUnknown(witness.name);
  }
  if (witness.revision > head.revision)
    return errors::HistoryShortened(witness.name, head.revision, witness.revision);
  if (!witness.digest.has_value() || witness.revision == Revision{0}) return absl::OkStatus();
  const absl::StatusOr<RevisionInfo> info = store->GetRevision(witness.revision);
  // It is below what is kept: the history is longer than the witness.
  if (absl::IsOutOfRange(info.status())) return absl::OkStatus();
  SB_RETURN_IF_ERROR(info.status());
  return info->digest == *witness.digest ? absl::OkStatus()
                                         : errors::HistoryForked(witness.name, witness.revision);
}

absl::StatusOr<Head> AdoptStore(ResourceStore* store, absl::Span<const Witness> witnesses,
                                const AuditEvent& event) {
  SB_ASSIGN_OR_RETURN(const Head head, store->ReadHead());
  for (const Witness& witness : witnesses) {
    if (witness.epoch == 0 || witness.epoch == head.epoch) continue;
    SB_ASSIGN_OR_RETURN(const bool ended, HasEnded(store, witness.epoch));
    if (ended) continue;
    SB_RETURN_IF_ERROR(store->AppendControl(EpochEnded(witness.epoch), event).status());
  }
  return store->StartEpoch(event);
}

}  // namespace signalbox
