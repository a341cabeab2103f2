#pragma once

#include "absl/status/status.h"
#include "storage/model/change_set.h"
#include "storage/resource_store.h"

namespace signalbox {

// What every backend refuses before it looks at the database, so that all refuse alike: sizes
// beyond storage/limits.h, text that holds NUL or is not UTF-8, a key that stands twice. Bodies are
// bytes and may hold anything. Pure.
//   kInvalidArgument  the text names what is wrong and, where there is one, the resource
absl::Status CheckChangeSet(const ChangeSet& changes, const Preconditions& preconditions);

// The same for what a read asks for: text that is too long or is no text finds nothing on one
// backend and is an error on another.
absl::Status CheckKey(const ResourceKey& key);
absl::Status CheckFilter(const ResourceFilter& filter);

}  // namespace signalbox
