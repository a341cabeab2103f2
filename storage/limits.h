#pragma once

#include <cstddef>

namespace signalbox::limits {

// One resource's body. Envoy's own largest listeners stay under 1 MiB; a gRPC client refuses messages over 4 MiB.
// Beyond it: INVALID_ARGUMENT.
inline constexpr size_t kMaxBodyBytes = size_t{4} << 20;

// A resource's name, a namespace's, a group's. Longer ones: INVALID_ARGUMENT.
inline constexpr size_t kMaxNameBytes = 1024;

// Resources in one change set: one transaction must stay short, since it holds the writer. Beyond it: INVALID_ARGUMENT.
inline constexpr size_t kMaxChangesPerCommit = 20000;

// The sum of the bodies in one change set, for the same reason. Beyond it: INVALID_ARGUMENT.
inline constexpr size_t kMaxCommitBytes = size_t{64} << 20;

// A revision's message or a request id. Longer ones: INVALID_ARGUMENT.
inline constexpr size_t kMaxMessageBytes = 4096;
inline constexpr size_t kMaxRequestIdBytes = 128;

// How often a commit is judged again when the head moves under it. Then: ABORTED.
inline constexpr int kMaxJudgements = 5;

// Revisions that ChangesSince returns at most in one call; the caller asks again from the last one.
inline constexpr int kMaxRevisionsPerRead = 1000;

}  // namespace signalbox::limits
