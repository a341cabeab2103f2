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

// kFailedPrecondition: there is no audit log that a secret's read could stand in.
absl::Status ReadsNotAudited();

// What field violations say.
std::string UnknownKind(absl::string_view kind, const std::vector<std::string>& kinds);
std::string UnknownNamespace(absl::string_view name);
std::string UnknownGroup(absl::string_view name);
// `meant` is what the key is compared with where it names something below another: "label.env".
std::string UnknownFilterKey(absl::string_view key, absl::string_view meant);
std::string KeyMaterialNotSealed();
std::string RedactedValue();
// A text about a secret without what stands in quotes in it.
std::string WithoutQuoted(absl::string_view text);
std::string Missing();
std::string NameMismatch(absl::string_view in_spec, absl::string_view name);

}  // namespace signalbox::errors
