#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/model/record_hasher.h"
#include "storage/model/resource.h"
#include "storage/model/revision.h"

namespace signalbox {

// A resource as every backend stores it; views into a row.
struct StoredResourceRow {
  ResourceKey key;
  Revision changed_in;
  RecordHashes hashes;
  absl::string_view targets;      // as StringsAsJson
  absl::string_view labels;       // as MapAsJson
  absl::string_view annotations;  // as MapAsJson
  absl::string_view owner;
  absl::string_view source;
};

// The resource. `restore_body` fills in the record's body, all else of it being there, and checks
// both hashes.
//   kDataLoss  a part cannot be read, or `restore_body` says so
//   other      as `restore_body` says
absl::StatusOr<Resource> RestoreResource(const StoredResourceRow& row,
                                         absl::FunctionRef<absl::Status(Record*)> restore_body);

}  // namespace signalbox
