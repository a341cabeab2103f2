#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "storage/leases.h"

namespace signalbox {

class PostgresBatch;
class PostgresPool;
class PostgresResult;

// Adds the statement that a lease's holder runs first in every transaction that only the holder may
// do. It takes the lease's row FOR SHARE, so that a takeover waits for the transaction's end and
// none that was overtaken gets past it; a predicate without the lock would let a stale write
// through. The transaction may go on when FenceHolds of its answer.
void AddFence(const Lease& lease, PostgresBatch* batch);
bool FenceHolds(const PostgresResult& answer);

// Leases in the schema `queue`, on the database's clock.
class PostgresLeases : public Leases {
 public:
  // The database of `pool` has the newest schema of the area `queue`; others may use the pool too.
  // `clock` is null for the database's own, which instances share; tests set one that must outlive
  // this object.
  PostgresLeases(std::shared_ptr<PostgresPool> pool, const Clock* clock);

  absl::StatusOr<Lease> Acquire(absl::string_view name, absl::string_view holder,
                                absl::Duration duration) override;
  absl::StatusOr<Lease> Renew(const Lease& lease, absl::Duration duration) override;
  absl::Status Confirm(const Lease& lease) override;
  absl::Status Release(const Lease& lease) override;
  absl::StatusOr<std::vector<Lease>> List() override;

 private:
  const std::shared_ptr<PostgresPool> pool_;
  const Clock* const clock_;
};

}  // namespace signalbox
