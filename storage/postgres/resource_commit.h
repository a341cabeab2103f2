#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/commit_plan.h"
#include "storage/model/revision.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/seal/sealer.h"

// A batch of commits to the schema `config`: what the plan needs to know is one round trip, and
// what it writes another. The number of statements does not grow with the batch. Both run in one
// write transaction of the caller's.
namespace signalbox {

// What every commit notifies; only a hint that it is worth looking at the head.
inline constexpr absl::string_view kPostgresChannel = "signalbox_config";

// Adds to `facts` the statements that take the head's lock and then read everything that the batch
// touches, at `now`.
void AddFactQueries(absl::Span<const CommitRequest* const> batch, absl::Time now,
                    PostgresBatch* facts);

// The answers to these, which are the last of `results`.
//   kDataLoss  the head is missing
absl::StatusOr<CommitFacts> FactsIn(const std::vector<PostgresResult>& results, absl::Time now);

// Adds what writes the rows of `plan`, moves the head and notifies. Bodies of secrets are sealed
// with `sealer`.
void AddPlan(const CommitPlan& plan, const Sealer& sealer, absl::Time now, PostgresBatch* batch);

// Adds the statement that asks whether `plan` (which is not empty) was written, and reads its
// answer. Where another transaction that holds the head has ended, that is certain: a revision's
// digest belongs to no other plan.
void AddWrittenQuery(const CommitPlan& plan, PostgresBatch* batch);
bool WasWritten(const CommitPlan& plan, const PostgresResult& result);

// Adds the statement that looks for a request that is not forgotten at `now`, and reads its answer.
void AddRequestQuery(absl::string_view author, absl::string_view request_id, absl::Time now,
                     PostgresBatch* batch);
std::optional<Revision> RequestIn(const PostgresResult& result);

// Adds what makes the head row of a new store, unless there is one.
void AddFirstHead(const Head& head, PostgresBatch* batch);

// Adds the hint that the head is another one.
void AddNotify(PostgresBatch* batch);

}  // namespace signalbox
