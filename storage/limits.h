#pragma once

#include <cstddef>

#include "absl/time/time.h"

namespace signalbox::limits {

// One resource's body. Envoy's own largest listeners stay under 1 MiB; a gRPC client refuses
// messages over 4 MiB. Beyond it: INVALID_ARGUMENT.
inline constexpr size_t kMaxBodyBytes = size_t{4} << 20;

// A resource's name, a namespace's, a group's. Longer ones: INVALID_ARGUMENT.
inline constexpr size_t kMaxNameBytes = 1024;

// What a record says beside its body: targets, labels, annotations, owner and source together. As
// much as Kubernetes gives annotations. Beyond it: INVALID_ARGUMENT.
inline constexpr size_t kMaxMetadataBytes = size_t{256} << 10;

// Resources in one change set: one transaction must stay short, since it holds the writer. Beyond
// it: INVALID_ARGUMENT.
inline constexpr size_t kMaxChangesPerCommit = 20000;

// The sum of the bodies in one change set, for the same reason. Beyond it: INVALID_ARGUMENT.
inline constexpr size_t kMaxCommitBytes = size_t{64} << 20;

// A revision's message or a request id. Longer ones: INVALID_ARGUMENT.
inline constexpr size_t kMaxMessageBytes = 4096;
inline constexpr size_t kMaxRequestIdBytes = 128;

// What one transaction takes of the requests that wait for the writer: enough to share a flush, few
// enough that nobody waits long for others' work. The rest waits for the next one.
inline constexpr size_t kMaxBatchRequests = 64;
inline constexpr size_t kMaxBatchBytes = size_t{8} << 20;

// What a writer remembers of the revisions before the head, for judges. What is older is read from
// the database.
inline constexpr size_t kMaxRecentRevisions = 1000;
inline constexpr size_t kMaxRecentBytes = size_t{32} << 20;

// Revisions that ChangesSince returns at most in one call; the caller asks again from the last one.
inline constexpr int kMaxRevisionsPerRead = 1000;

// The sum of the bodies that ChangesSince returns in one call, unless its first revision alone has
// more: a reader that is far behind must not hold all of history in memory. The caller asks again
// from the last revision.
inline constexpr size_t kMaxBytesPerRead = size_t{64} << 20;

// What an audit event is about: a key as text, whose three parts have kMaxNameBytes each. Beyond
// it: INVALID_ARGUMENT.
inline constexpr size_t kMaxAuditResourceBytes = 3 * kMaxNameBytes + 2;

// How long a request id is remembered. A retry after that is a new request.
inline constexpr absl::Duration kRequestIdKept = absl::Hours(24);

}  // namespace signalbox::limits
