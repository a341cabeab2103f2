#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_database.h"

// One transaction on a SqliteDatabase, as the stores of its areas use it.
namespace signalbox {

namespace sqlite_access {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace sqlite_access

// Calls `read` with a connection inside one read transaction. What it finds damaged (kDataLoss)
// makes the file read-only.
template <typename Read>
auto ReadFrom(SqliteDatabase* database, const Read& read)
    -> decltype(read(static_cast<SqliteConnection*>(nullptr))) {
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database->Reader());
  SB_ASSIGN_OR_RETURN(const SqliteTransaction transaction,
                      SqliteTransaction::Begin(lease.get(), SqliteTransaction::Kind::kRead));
  auto result = read(lease.get());
  if (absl::IsDataLoss(sqlite_access::StatusOf(result))) database->MarkDamaged();
  return result;
}

// Calls `write` with the connection that writes inside one transaction, which is committed when
// `write` ends well and rolled back otherwise. kUnavailable: whether it was written is unknown.
template <typename Write>
auto WriteTo(SqliteDatabase* database, const Write& write)
    -> decltype(write(static_cast<SqliteConnection*>(nullptr))) {
  SB_ASSIGN_OR_RETURN(const SqliteDatabase::Lease lease, database->Writer());
  SB_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                      SqliteTransaction::Begin(lease.get(), SqliteTransaction::Kind::kWrite));
  auto result = write(lease.get());
  const absl::Status& status = sqlite_access::StatusOf(result);
  if (absl::IsDataLoss(status)) database->MarkDamaged();
  if (!status.ok()) return result;
  SB_RETURN_IF_ERROR(transaction.Commit());
  return result;
}

}  // namespace signalbox
