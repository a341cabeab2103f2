#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/model/quarantine.h"
#include "storage/resource_store.h"
#include "storage/seal/sealer.h"
#include "storage/sqlite/sqlite_connection.h"

// Quarantines in config.db. Each function runs in a transaction of the caller's and gives the
// connection's errors beside those it names.
namespace signalbox {

// Makes what each of `nodes` refuses what is stored of it; the nodes get the numbers from `first`
// on, in order. Forgets who has refused nothing since long before `now`.
absl::Status WriteQuarantineRows(SqliteConnection* connection,
                                 absl::Span<const NodeQuarantines> nodes, int64_t first,
                                 absl::Time now);

// As ResourceStore::QuarantinesSince says.
absl::StatusOr<QuarantinePage> ReadQuarantineRows(SqliteConnection* connection,
                                                  const Sealer* sealer, int64_t after);

}  // namespace signalbox
