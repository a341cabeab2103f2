#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/resource_store.h"

namespace signalbox {

// Seals every secret with the active key of the key file, or with a new one, and says so in the
// audit log. `principal` is who wants it.
//   any  ResourceStore::RotateKey's. Secrets open all the same, and kNo goes on where it ended.
absl::StatusOr<KeyRotation> RotateKey(ResourceStore* store, ResourceStore::NewKey new_key,
                                      const std::string& principal, absl::Time now);

}  // namespace signalbox
