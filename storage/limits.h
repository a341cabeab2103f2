#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace signalbox::limits {

// One resource's body. Envoy's own largest listeners stay under 1 MiB; a gRPC client refuses
// messages over 4 MiB. Beyond it: INVALID_ARGUMENT.
inline constexpr size_t kMaxBodyBytes = size_t{4} << 20;

// A resource's name, a group's, an author's. Longer ones: INVALID_ARGUMENT.
inline constexpr size_t kMaxNameBytes = 1024;

// A resource's namespace or its type, a refusal's fingerprint. With names they are one key: two
// names and two of these at most, since PostgreSQL's indexes take keys of at most 2,704 bytes.
// Longer ones: INVALID_ARGUMENT.
inline constexpr size_t kMaxScopeBytes = 256;

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

// Labels that one list asks for: each is a lookup of its own for each resource. Beyond it:
// INVALID_ARGUMENT.
inline constexpr size_t kMaxLabelsPerFilter = 16;

// Resources, or changes of one, that a list returns at most in one page.
inline constexpr int kMaxResourcesPerPage = 1000;

// The sum of the bodies that ChangesSince returns in one call, unless its first revision alone has
// more: a reader that is far behind must not hold all of history in memory. The caller asks again
// from the last revision.
inline constexpr size_t kMaxBytesPerRead = size_t{64} << 20;

// What an audit event is about: a key as text, with the slashes between its three parts. Beyond it:
// INVALID_ARGUMENT.
inline constexpr size_t kMaxAuditResourceBytes = 2 * kMaxScopeBytes + kMaxNameBytes + 2;

// How long a request id is remembered. A retry after that is a new request.
inline constexpr absl::Duration kRequestIdKept = absl::Hours(24);

// Rows that a list returns at most in one call, whatever page size is asked for.
inline constexpr int kMaxPageSize = 1000;

// Rows that one call of a Prune removes at most: the writer must not be held for long. The caller
// asks again.
inline constexpr int kMaxPrunedRows = 500;

// The newest audit events, which no age removes: a clock that jumped must not empty the log.
inline constexpr int64_t kAuditAlwaysKept = 1000;

// Outbox rows that the audit log takes in one transaction, and direct events that share one flush.
// More outbox rows: INVALID_ARGUMENT; more direct events wait for the next flush.
inline constexpr size_t kMaxOutboxRows = 1000;
inline constexpr size_t kMaxAuditBatch = 256;

// A job's payload: a reference to what is to be done, not the thing itself. Beyond it:
// INVALID_ARGUMENT.
inline constexpr size_t kMaxPayloadBytes = size_t{256} << 10;

// Attempts of one job: with the backoff between them more would take weeks. Beyond it:
// INVALID_ARGUMENT.
inline constexpr int kMaxAttempts = 100;

// Jobs that are pending or running. Work comes at some 500 jobs a minute at most; far more waiting
// means that nobody does it. Beyond it: RESOURCE_EXHAUSTED.
inline constexpr int64_t kMaxWaitingJobs = 10000;

// How long a lease may be: as long as a dead holder can keep others waiting. Beyond it:
// INVALID_ARGUMENT.
inline constexpr absl::Duration kMaxLease = absl::Hours(1);

// Rows that an instance writes to the node history in one transaction: all nodes of a full one.
// Beyond it: INVALID_ARGUMENT.
inline constexpr size_t kMaxHistoryBatch = 20000;

// Types for which a node says what it acknowledged; Envoy knows ten. A node with more is left out.
inline constexpr size_t kMaxTypesPerNode = 64;

// Nodes whose quarantines are written in one transaction or read at once: the writer must not be
// held for long. More to be written: INVALID_ARGUMENT.
inline constexpr size_t kMaxQuarantineBatch = 200;

// Quarantines of one node. One that refuses more refuses everything; what is beyond is sent once
// more after a restart. More to be written: INVALID_ARGUMENT.
inline constexpr size_t kMaxQuarantinesPerNode = 1000;

// How long it is remembered that a node refuses nothing any more, for instances that have not read
// it.
inline constexpr absl::Duration kQuarantineEndKept = absl::Hours(24);

}  // namespace signalbox::limits
