#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// The errors of the admin API, each with one text. Those of the store (storage/errors.h) pass
// through as they are.
namespace signalbox::errors {

// kAborted, kStoreRestoredReason: what the caller read is of an older epoch. Read again; the same
// request fails again.
absl::Status StoreRestored();
// kUnavailable: nothing is served yet. Retry.
absl::Status NotLoadedYet();
// kCancelled: the caller no longer waits; nothing was written.
absl::Status CallerGone();
// kInvalidArgument: not a token of this list, with these filters.
absl::Status BadPageToken();
// kInvalidArgument: neither resources nor removals.
absl::Status NothingToApply();

// What field violations say.
std::string UnknownKind(absl::string_view kind, const std::vector<std::string>& kinds);
std::string UnknownNamespace(absl::string_view name);
std::string UnknownGroup(absl::string_view name);
std::string Missing();
std::string NameMismatch(absl::string_view in_spec, absl::string_view name);

}  // namespace signalbox::errors
