#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/audit_log.h"
#include "storage/model/revision.h"
#include "storage/resource_store.h"

namespace signalbox {

// Takes a store as it is for the truth: starts a new epoch in which neither the audit log nor the
// witness file contradicts it, and has the file remember the store as it is now. A damaged file is
// written anew. `principal` is who says so. Returns the head afterwards.
//   any  AdoptStore's, or WriteWitnessFile's (then the store is adopted; once more writes the file)
absl::StatusOr<Head> Adopt(ResourceStore* store, AuditLog* audit, const std::string& witness_file,
                           const std::string& principal, absl::Time now);

}  // namespace signalbox
