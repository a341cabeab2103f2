#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signalbox {

// What every store refuses of a lease before it looks at the database. Pure.
//   kInvalidArgument  it is not above 0 and at most limits::kMaxLease
absl::Status CheckLeaseDuration(absl::Duration duration);
//   kInvalidArgument  a name or holder that is empty, too long or no text
absl::Status CheckLeaseNames(absl::string_view name, absl::string_view holder);

}  // namespace signalbox
