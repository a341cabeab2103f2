#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/model/revision.h"

namespace signalbox {

// What the API says of a resource's last change, opaque to clients: the store's epoch and the
// revision. (A content hash would let a change and its reversal through.)
std::string MakeEtag(uint64_t epoch, Revision changed_in);

// The revision that `etag` names.
//   kInvalidArgument  it is not an etag
//   kAborted          it is of another epoch: errors::StoreRestored
absl::StatusOr<Revision> ParseEtag(absl::string_view etag, uint64_t epoch);

}  // namespace signalbox
