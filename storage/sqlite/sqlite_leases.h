#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "storage/leases.h"
#include "storage/sqlite/sqlite_database.h"

namespace signalbox {

// Leases in `queue.db`, or in memory. One process owns the file, so its own clock is the store's.
class SqliteLeases : public Leases {
 public:
  // `database` is open and has the newest schema of the area `queue`; others may use it too.
  // `clock` must outlive this object.
  SqliteLeases(std::shared_ptr<SqliteDatabase> database, const Clock* clock);

  absl::StatusOr<Lease> Acquire(absl::string_view name, absl::string_view holder,
                                absl::Duration duration) override;
  absl::StatusOr<Lease> Renew(const Lease& lease, absl::Duration duration) override;
  absl::Status Confirm(const Lease& lease) override;
  absl::Status Release(const Lease& lease) override;
  absl::StatusOr<std::vector<Lease>> List() override;

 private:
  const std::shared_ptr<SqliteDatabase> database_;
  const Clock* const clock_;
};

}  // namespace signalbox
