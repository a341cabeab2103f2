#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/commit_plan.h"
#include "storage/head_row.h"
#include "storage/model/revision.h"
#include "storage/seal/sealer.h"
#include "storage/sqlite/sqlite_connection.h"

// A batch of commits to config.db: what the plan needs to know, and what it writes. Both run in one
// write transaction of the caller's and give the connection's errors.
namespace signalbox {

// What is stored under an author and a request id, into `facts`, whose time says what is forgotten.
absl::Status ReadRequest(SqliteConnection* connection, const RequestName& name, CommitFacts* facts);

// Everything that the batch touches, at `now`. `head` is the head as that transaction reads it.
absl::StatusOr<CommitFacts> ReadFacts(SqliteConnection* connection, const HeadRow& head,
                                      absl::Span<const CommitRequest* const> batch, absl::Time now);

// Writes the rows of `plan`, which was made on `head`, at `now`, and moves the head. Bodies of
// secrets are sealed with `sealer`.
absl::Status WritePlan(SqliteConnection* connection, const Sealer& sealer, const HeadRow& head,
                       const CommitPlan& plan, absl::Time now);

// Makes the head row of a new store.
absl::Status WriteFirstHead(SqliteConnection* connection, const Head& head);

}  // namespace signalbox
