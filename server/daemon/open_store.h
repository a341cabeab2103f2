#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/random.h"
#include "options/settings.h"
#include "storage/resource_store.h"
#include "storage/slow_queries.h"

namespace signalbox {

// Opens the store that the settings name: the one place that knows the backends. The pointers must
// outlive the store.
//   kFailedPrecondition  also: store.password_file cannot be used
//   any                  the backend's
absl::StatusOr<std::unique_ptr<ResourceStore>> OpenStore(const options::Settings& settings,
                                                         const SlowQueries* slow_queries,
                                                         const Clock* clock, Random* random);

}  // namespace signalbox
