#pragma once

#include "absl/status/statusor.h"
#include "storage/standbys.h"

namespace signalbox {

class PostgresConnection;

// What the server of `connection` waits for when it commits. The errors are the connection's.
absl::StatusOr<Standbys> ReadStandbys(PostgresConnection* connection);

}  // namespace signalbox
