#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/random.h"
#include "options/settings.h"
#include "storage/resource_store.h"

namespace signalbox {

// Opens the store that the settings name: the one place that knows the backends. Errors are the
// backend's. `clock` and `random` must outlive the store.
absl::StatusOr<std::unique_ptr<ResourceStore>> OpenStore(const options::StoreSettings& settings,
                                                         const Clock* clock, Random* random);

}  // namespace signalbox
