#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/error_details.h"
#include "server/descriptors/descriptors.h"
#include "signalbox/admin/v1/config.pb.h"
#include "storage/model/change_set.h"
#include "storage/resource_store.h"

namespace signalbox {

// An ApplyRequest as the store takes it.
struct Change {
  ChangeSet changes;  // upserts in the request's order; without an author
  Preconditions preconditions;
  // What a person should know; paths are the request's. At most limits::kMaxViolations.
  std::vector<FieldViolation> warnings;
};

// Reads an ApplyRequest: everything that can be said of it without the store. `epoch` is the
// store's, for etags. Pure.
//   kInvalidArgument  something is wrong; field violations name each field by its path in the
//                     request, at most limits::kMaxViolations of them
//   kAborted          an etag is of another epoch
absl::StatusOr<Change> ReadChange(const Descriptors& descriptors,
                                  const admin::v1::ApplyRequest& request, uint64_t epoch);

// The status with the violations of a judge, which name resources by key, turned into paths in the
// request. Those of resources that the request does not hold keep the key in their text.
absl::Status AtRequestPaths(absl::Status status, const ChangeSet& changes);
std::vector<FieldViolation> AtRequestPaths(std::vector<FieldViolation> violations,
                                           const ChangeSet& changes);

}  // namespace signalbox
