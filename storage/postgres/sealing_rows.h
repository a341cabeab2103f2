#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/seal/sealer.h"

// What the schema `config` says of the keys that seal its secrets. Each function runs in a
// transaction of the caller's and gives the connection's errors beside those it names.
namespace signalbox {

// The wrapped hash key; none in a store that has none yet.
//   kDataLoss  it is missing, but there are sealed bodies
absl::StatusOr<std::optional<std::string>> ReadHashKey(PostgresConnection* connection);

// Adds what stores it, in place of what is there.
void AddHashKey(absl::string_view wrapped, PostgresBatch* batch);

// Reads some bodies that are not sealed with the active key and adds to `batch` what seals them
// with it; returns how many, 0 when all are. The transaction holds the head.
//   kFailedPrecondition, kDataLoss  what Sealer::Reseal says
absl::StatusOr<int> ResealSome(PostgresConnection* connection, const Sealer& sealer,
                               PostgresBatch* batch);

}  // namespace signalbox
