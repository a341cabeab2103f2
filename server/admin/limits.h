#pragma once

#include <cstddef>

namespace signalbox::limits {

// Field violations that one request is told of: the rest would not fit into an answer and rarely
// helps. Checking ends there.
inline constexpr size_t kMaxViolations = 100;

// Resources or nodes on one page. More asked for: as many as this.
inline constexpr int kDefaultPageSize = 100;
inline constexpr int kMaxListSize = 1000;

// What a list's filter says at most: 16 labels of usual length. Longer: INVALID_ARGUMENT.
inline constexpr size_t kMaxFilterBytes = 4096;

// Resources that a list reads from the store at once: of large ones a page holds few, and what was
// read beyond its end is read again for the next one.
inline constexpr int kListReadAtOnce = 100;

// Bytes of resources after which a page ends: gRPC clients refuse messages over 4 MiB unless told
// otherwise. A single resource that is larger still comes, alone.
inline constexpr size_t kMaxPageBytes = size_t{2} << 20;

// Threads that serve the admin API, each with one request. Requests beyond it: RESOURCE_EXHAUSTED;
// retry.
inline constexpr int kMaxAdminThreads = 16;

}  // namespace signalbox::limits
