#include "storage/check_lease.h"

#include "base/status_macros.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"

namespace signalbox {

absl::Status CheckLeaseDuration(absl::Duration duration) {
  if (duration >= absl::Milliseconds(1) && duration <= limits::kMaxLease) return absl::OkStatus();
  return errors::NotWithin("a lease", "at least 1 ms and at most an hour long");
}

absl::Status CheckLeaseNames(absl::string_view name, absl::string_view holder) {
  if (name.empty()) return errors::Missing("a lease's name");
  if (holder.empty()) return errors::Missing("a lease's holder");
  SB_RETURN_IF_ERROR(CheckText("a lease's name", name, limits::kMaxNameBytes));
  return CheckText("a lease's holder", holder, limits::kMaxNameBytes);
}

}  // namespace signalbox
