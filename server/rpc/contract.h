#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

// What both ends of the admin API rely on and the proto files cannot say.
namespace signalbox {

// One request of the admin API. A change set's bodies may sum to 64 MiB (storage/limits.h), and a
// spec as JSON values is larger than the message. Beyond it: RESOURCE_EXHAUSTED; the command line
// does not send it.
inline constexpr size_t kMaxAdminRequestBytes = size_t{64} << 20;

// The reason of an ABORTED that a retry does not mend: what the caller read is from before a
// restore of the store.
inline constexpr absl::string_view kStoreRestoredReason = "STORE_RESTORED";

}  // namespace signalbox
