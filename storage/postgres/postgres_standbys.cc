#include "storage/postgres/postgres_standbys.h"

#include <string>

#include "base/status_macros.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/sql.h"

namespace signalbox {
namespace {

// Who may not read the statistics sees every standby, but not what it is.
constexpr Sql kSelectStandbys = {
    "select_standbys",
    "SELECT current_setting('synchronous_standby_names'), "
    "pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), "
    "(SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))"};

}  // namespace

absl::StatusOr<Standbys> ReadStandbys(PostgresConnection* connection) {
  SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kSelectStandbys));
  const PostgresRow row = result[0];
  Standbys standbys = {.synchronous = std::string(row.Text(0))};
  if (row.Bool(1)) standbys.connected = static_cast<int>(row.Int(2));
  return standbys;
}

}  // namespace signalbox
