#include "server/maintenance/check_store.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "storage/limits.h"
#include "storage/upkeep_errors.h"

namespace signalbox {
namespace {

// Keeps a damage that was met as an error, and gives every other error back.
absl::Status Note(const absl::Status& status, const char* where, Verification* verification) {
  if (!absl::IsDataLoss(status)) return status;
  verification->damage.push_back({where, std::string(status.message())});
  return absl::OkStatus();
}

// The revision just below the oldest one kept.
absl::StatusOr<Revision> BelowOldest(ResourceStore* resources) {
  std::optional<Revision> below;
  Revision oldest{1};
  do {
    SB_ASSIGN_OR_RETURN(const RevisionPage page,
                        resources->ListRevisions(below, limits::kMaxRevisionsPerRead));
    if (!page.revisions.empty()) oldest = page.revisions.back().revision;
    below = page.next_below;
  } while (below.has_value());
  return Revision{oldest.number - 1};
}

absl::Status CheckHistory(ResourceStore* resources, Revision head) {
  SB_ASSIGN_OR_RETURN(Revision after, BelowOldest(resources));
  while (after < head) {
    SB_ASSIGN_OR_RETURN(const std::vector<RevisionChanges> changes, resources->ChangesSince(after));
    if (changes.empty()) break;
    after = changes.back().info.revision;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Verification> CheckStore(ResourceStore* resources, AuditLog* audit) {
  const StoreInfo info = resources->Info();
  Verification verification = {.location = info.location};
  const absl::StatusOr<HeadState> state = resources->LoadHead();
  SB_RETURN_IF_ERROR(Note(state.status(), "config", &verification));
  if (state.ok()) verification.head = state->head;
  if (state.ok())
    SB_RETURN_IF_ERROR(
        Note(CheckHistory(resources, state->head.revision), "config", &verification));
  verification.areas.push_back({.area = "config",
                                .where = info.location,
                                .bytes = resources->SizeBytes().value_or(0),
                                .schema_version = info.schema_version,
                                .checks = {"records", "chain"}});
  SB_RETURN_IF_ERROR(Note(audit->VerifyChain().status(), "audit", &verification));
  verification.areas.push_back({.area = "audit",
                                .where = info.location,
                                .bytes = audit->SizeBytes().value_or(0),
                                .checks = {"chain"}});
  return verification;
}

absl::StatusOr<Verification> ServerUpkeep::Verify() {
  SB_ASSIGN_OR_RETURN(const Stores stores, open_());
  return CheckStore(stores.resources.get(), stores.audit.get());
}

absl::StatusOr<Backup> ServerUpkeep::BackUp(const std::string&) {
  return errors::BackUpWithServerTools();
}

}  // namespace signalbox
