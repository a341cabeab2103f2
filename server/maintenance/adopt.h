#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/model/revision.h"
#include "storage/resource_store.h"

namespace signalbox {

// Takes a store as it is for the truth: starts a new epoch, with which nothing that was remembered
// of the store before is comparable. `principal` is who says so. Returns the head afterwards.
//   any  ResourceStore::StartEpoch
absl::StatusOr<Head> Adopt(ResourceStore* store, const std::string& principal, absl::Time now);

}  // namespace signalbox
