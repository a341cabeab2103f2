#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "storage/head_row.h"
#include "storage/model/change_set.h"
#include "storage/model/resource.h"
#include "storage/model/revision.h"
#include "storage/seal/sealer.h"
#include "storage/sqlite/sqlite_connection.h"

// How resources and revisions are read from config.db. Each function runs inside a transaction of
// the caller's where more than one must agree. Beside the connection's errors all give
//   kDataLoss            a row is missing, or does not have the hash that it is stored under
//   kFailedPrecondition  a secret is sealed with a key that `sealer` lacks
namespace signalbox {

// The resource in a row whose first twelve columns are namespace, type, name, the revision, the
// record's hash, targets, labels, annotations, owner and source, the body's hash and bytes; checked
// against its hashes. A null `sealer`, here and below, leaves sealed bodies empty and their hashes
// unchecked: for who has no key.
absl::StatusOr<Resource> ResourceIn(const SqliteQuery& row, const Sealer* sealer);

// The revision in a row whose columns from `first` on are number, epoch, time, author, message,
// request id, kind, previous digest and digest.
RevisionInfo RevisionIn(const SqliteQuery& row, int first);

// None in a store that was just made.
absl::StatusOr<std::optional<HeadRow>> ReadHeadRow(SqliteConnection* connection);

// Every resource, sorted by key.
absl::StatusOr<std::vector<Resource>> ReadResources(SqliteConnection* connection,
                                                    const Sealer* sealer);

// One resource; none where there is none of that key.
absl::StatusOr<std::optional<Resource>> ReadResource(SqliteConnection* connection,
                                                     const Sealer* sealer, const ResourceKey& key);

// What followed `after`, which `head` reaches, within the limits of one read, checked against the
// chain.
absl::StatusOr<std::vector<RevisionChanges>> ReadChanges(SqliteConnection* connection,
                                                         const Sealer* sealer, const HeadRow& head,
                                                         Revision after);

// At most `count` revisions below `below` and not below `oldest`, newest first.
absl::StatusOr<std::vector<RevisionInfo>> ReadRevisions(SqliteConnection* connection,
                                                        Revision oldest, Revision below, int count);

// The chain's digest at `revision`, which `head` reaches.
absl::StatusOr<Digest> ReadDigestAt(SqliteConnection* connection, const HeadRow& head,
                                    Revision revision);

// Computes the chain's digests again, from the head down to the oldest revision kept, but no
// further than about `row_limit` changes.
absl::Status CheckChain(SqliteConnection* connection, const HeadRow& head, int64_t row_limit);

}  // namespace signalbox
