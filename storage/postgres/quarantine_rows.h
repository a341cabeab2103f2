#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/model/quarantine.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/resource_store.h"
#include "storage/seal/sealer.h"

// Quarantines in the schema `config`.
namespace signalbox {

// Adds to `batch` what makes what each of `nodes` refuses what is stored of it, in a transaction
// that holds the head (kLockHead); the nodes get the numbers from `first` on, in order. Forgets who
// has refused nothing since long before `now`.
void AddQuarantineRows(absl::Span<const NodeQuarantines> nodes, int64_t first, absl::Time now,
                       PostgresBatch* batch);

// As ResourceStore::QuarantinesSince says, in a transaction of the caller's. Also gives the
// connection's errors.
absl::StatusOr<QuarantinePage> ReadQuarantineRows(PostgresConnection* connection,
                                                  const Sealer* sealer, int64_t after);

}  // namespace signalbox
