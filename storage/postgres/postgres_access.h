#pragma once

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "storage/postgres/limits.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_pool.h"
#include "storage/sql.h"

// For storage/postgres and its tests only: no other room includes this. One transaction of a pool's
// connection, as the stores of the areas use it.
namespace signalbox {

namespace postgres_access {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace postgres_access

// The database's clock, to be read in a statement behind those that wait for locks.
inline constexpr Sql kSelectNow = {"select_now",
                                   "SELECT date_trunc('milliseconds', clock_timestamp())"};

// What `kSelectNow` gave, or what `clock` says where the tests set one; whole milliseconds.
inline absl::Time NowIn(const PostgresResult& selected, const Clock* clock) {
  const absl::Time now = clock == nullptr ? selected[0].Time(0) : clock->Now();
  return absl::FromUnixMillis(absl::ToUnixMillis(now));
}

// Calls `read` with a connection inside one read transaction; twice where the connection was open
// before and turned out lost.
template <typename Read>
auto ReadFrom(PostgresPool* pool, const Read& read)
    -> decltype(read(static_cast<PostgresConnection*>(nullptr))) {
  using Result = decltype(read(static_cast<PostgresConnection*>(nullptr)));
  for (bool first = true;; first = false) {
    SB_ASSIGN_OR_RETURN(const PostgresPool::Lease lease, pool->Reader());
    Result result = [&]() -> Result {
      PostgresTransaction transaction(lease.get());
      PostgresBatch begin;
      PostgresTransaction::BeginRead(&begin);
      SB_RETURN_IF_ERROR(lease->RunBatch(begin).status());
      return read(lease.get());
    }();
    const bool lost =
        lease.reused() && lease->broken() && absl::IsUnavailable(postgres_access::StatusOf(result));
    if (!first || !lost) return result;
  }
}

// Begins a transaction with the connection that writes, runs `locks` in it and calls `write` with
// their answers; what `write` adds to `last` goes out with the COMMIT. `write` may be called twice:
// where the connection was open before and turned out lost before the COMMIT.
//   kUnavailable  after the COMMIT went out: whether it was written is unknown
//   any other     nothing was written
template <typename Write>
auto WriteTo(PostgresPool* pool, const PostgresBatch& locks, const Write& write)
    -> decltype(write(static_cast<PostgresConnection*>(nullptr),
                      std::declval<const std::vector<PostgresResult>&>(),
                      static_cast<PostgresBatch*>(nullptr))) {
  using Result = decltype(write(static_cast<PostgresConnection*>(nullptr),
                                std::declval<const std::vector<PostgresResult>&>(),
                                static_cast<PostgresBatch*>(nullptr)));
  for (bool first = true;; first = false) {
    SB_ASSIGN_OR_RETURN(const PostgresPool::Lease lease, pool->Writer());
    lease->set_silence(limits::kPostgresWriteSilence);
    bool committing = false;
    Result result = [&]() -> Result {
      PostgresTransaction transaction(lease.get());
      PostgresBatch begin;
      PostgresTransaction::BeginWrite(&begin);
      SB_RETURN_IF_ERROR(lease->RunBatch(begin).status());
      SB_ASSIGN_OR_RETURN(const std::vector<PostgresResult> answers, lease->RunBatch(locks));
      PostgresBatch last;
      Result written = write(lease.get(), answers, &last);
      if (!postgres_access::StatusOf(written).ok()) return written;
      committing = true;
      SB_RETURN_IF_ERROR(lease->Commit(last));
      return written;
    }();
    const bool lost = lease.reused() && lease->broken() && !committing &&
                      absl::IsUnavailable(postgres_access::StatusOf(result));
    if (!first || !lost) return result;
  }
}

}  // namespace signalbox
