#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/seal/key_id.h"
#include "storage/seal/sealer.h"
#include "storage/sqlite/sqlite_connection.h"

// What config.db says of the keys that seal its secrets. Each function runs in a transaction of the
// caller's and gives the connection's errors beside those it names.
namespace signalbox {

// The wrapped hash key; none in a store that has none yet.
//   kDataLoss  it is missing, but there are sealed bodies
absl::StatusOr<std::optional<std::string>> ReadHashKey(SqliteConnection* connection);

// Stores it, in place of what is there.
absl::Status WriteHashKey(SqliteConnection* connection, absl::string_view wrapped);

// The keys that something is sealed with, sorted.
absl::StatusOr<std::vector<KeyId>> ReadKeyIds(SqliteConnection* connection);

// Seals some bodies that are not sealed with the active key with it; returns how many, 0 when all
// are.
//   kFailedPrecondition, kDataLoss  what Sealer::Reseal says
absl::StatusOr<int> ResealSome(SqliteConnection* connection, const Sealer& sealer);

}  // namespace signalbox
