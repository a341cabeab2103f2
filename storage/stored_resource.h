#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/model/record_hasher.h"
#include "storage/model/resource.h"
#include "storage/model/revision.h"
#include "storage/seal/sealer.h"

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
  absl::string_view body;  // sealed where IsSealed
};

// The resource, checked against its hashes. A null `sealer` leaves sealed bodies empty and their
// hashes unchecked: for who has no key.
//   kDataLoss            it is not what was stored under those hashes
//   kFailedPrecondition  it is sealed with a key that `sealer` lacks
absl::StatusOr<Resource> RestoreResource(const StoredResourceRow& row, const Sealer* sealer);

}  // namespace signalbox
