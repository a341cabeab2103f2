#include "storage/postgres/postgres_leases.h"

#include <string>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/check_lease.h"
#include "storage/errors.h"
#include "storage/postgres/postgres_access.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_params.h"
#include "storage/postgres/postgres_pool.h"
#include "storage/postgres/postgres_result.h"

namespace signalbox {
namespace {

constexpr Sql kFence = {"fence",
                        "SELECT number FROM queue.lease WHERE name = $1 AND holder = $2 AND number "
                        "= $3 FOR SHARE"};
constexpr Sql kMakeLease = {"make_lease",
                            "INSERT INTO queue.lease (name, holder, number, until) VALUES ($1, '', "
                            "0, 'epoch') ON CONFLICT (name) DO NOTHING"};
constexpr Sql kLockLease = {
    "lock_lease", "SELECT name, holder, number, until FROM queue.lease WHERE name = $1 FOR UPDATE"};
constexpr Sql kUpdateLease = {
    "update_lease", "UPDATE queue.lease SET holder = $2, number = $3, until = $4 WHERE name = $1"};
constexpr Sql kSelectLeases = {
    "select_leases",
    "SELECT name, holder, number, until FROM queue.lease WHERE number > 0 ORDER BY name"};

Lease LeaseIn(const PostgresRow& row) {
  return {.name = std::string(row.Text(0)),
          .holder = std::string(row.Text(1)),
          .number = row.Int(2),
          .until = row.Time(3)};
}

void AddLease(const Lease& lease, PostgresBatch* batch) {
  batch->Add(
      kUpdateLease,
      PostgresParams().Text(lease.name).Text(lease.holder).Int(lease.number).Time(lease.until));
}

// What takes the lease's row and then looks at the clock.
PostgresBatch LocksOn(absl::string_view name) {
  PostgresBatch locks;
  locks.Add(kLockLease, PostgresParams().Text(name)).Add(kSelectNow);
  return locks;
}

bool Holds(const PostgresResult& locked, const Lease& lease) {
  if (locked.rows() == 0) return false;
  const Lease found = LeaseIn(locked[0]);
  return found.number == lease.number && found.holder == lease.holder;
}

absl::Time Millis(absl::Time time) { return absl::FromUnixMillis(absl::ToUnixMillis(time)); }

}  // namespace

void AddFence(const Lease& lease, PostgresBatch* batch) {
  batch->Add(kFence, PostgresParams().Text(lease.name).Text(lease.holder).Int(lease.number));
}

bool FenceHolds(const PostgresResult& answer) { return answer.rows() == 1; }

PostgresLeases::PostgresLeases(std::shared_ptr<PostgresPool> pool, const Clock* clock)
    : pool_(std::move(pool)), clock_(clock) {
  SB_CHECK(pool_ != nullptr);
}

absl::StatusOr<Lease> PostgresLeases::Acquire(absl::string_view name, absl::string_view holder,
                                              absl::Duration duration) {
  SB_RETURN_IF_ERROR(CheckLeaseNames(name, holder));
  SB_RETURN_IF_ERROR(CheckLeaseDuration(duration));
  PostgresBatch locks;
  locks.Add(kMakeLease, PostgresParams().Text(name))
      .Add(kLockLease, PostgresParams().Text(name))
      .Add(kSelectNow);
  return WriteTo(pool_.get(), locks,
                 [&](PostgresConnection*, const std::vector<PostgresResult>& locked,
                     PostgresBatch* last) -> absl::StatusOr<Lease> {
                   if (locked[1].rows() == 0) return errors::StoreDamaged("a lease is missing");
                   const Lease found = LeaseIn(locked[1][0]);
                   const absl::Time now = NowIn(locked[2], clock_);
                   if (!found.holder.empty() && found.holder != holder && found.until > now)
                     return errors::LeaseHeld(found);
                   const Lease lease = {.name = std::string(name),
                                        .holder = std::string(holder),
                                        .number = found.number + 1,
                                        .until = Millis(now + duration)};
                   AddLease(lease, last);
                   return lease;
                 });
}

absl::StatusOr<Lease> PostgresLeases::Renew(const Lease& lease, absl::Duration duration) {
  SB_RETURN_IF_ERROR(CheckLeaseNames(lease.name, lease.holder));
  SB_RETURN_IF_ERROR(CheckLeaseDuration(duration));
  return WriteTo(pool_.get(), LocksOn(lease.name),
                 [&](PostgresConnection*, const std::vector<PostgresResult>& locked,
                     PostgresBatch* last) -> absl::StatusOr<Lease> {
                   if (!Holds(locked[0], lease)) return errors::LeaseLost(lease);
                   Lease renewed = lease;
                   renewed.until = Millis(NowIn(locked[1], clock_) + duration);
                   AddLease(renewed, last);
                   return renewed;
                 });
}

absl::Status PostgresLeases::Confirm(const Lease& lease) {
  SB_RETURN_IF_ERROR(CheckLeaseNames(lease.name, lease.holder));
  PostgresBatch fence;
  AddFence(lease, &fence);
  return WriteTo(pool_.get(), fence,
                 [&](PostgresConnection*, const std::vector<PostgresResult>& answers,
                     PostgresBatch*) -> absl::Status {
                   return FenceHolds(answers[0]) ? absl::OkStatus() : errors::LeaseLost(lease);
                 });
}

absl::Status PostgresLeases::Release(const Lease& lease) {
  SB_RETURN_IF_ERROR(CheckLeaseNames(lease.name, lease.holder));
  return WriteTo(pool_.get(), LocksOn(lease.name),
                 [&](PostgresConnection*, const std::vector<PostgresResult>& locked,
                     PostgresBatch* last) -> absl::Status {
                   if (!Holds(locked[0], lease)) return absl::OkStatus();
                   Lease released = lease;
                   released.holder.clear();
                   released.until = NowIn(locked[1], clock_);
                   AddLease(released, last);
                   return absl::OkStatus();
                 });
}

absl::StatusOr<std::vector<Lease>> PostgresLeases::List() {
  return ReadFrom(
      pool_.get(), [](PostgresConnection* connection) -> absl::StatusOr<std::vector<Lease>> {
        SB_ASSIGN_OR_RETURN(const PostgresResult result, connection->Run(kSelectLeases));
        std::vector<Lease> leases;
        for (int i = 0; i < result.rows(); ++i) leases.push_back(LeaseIn(result[i]));
        return leases;
      });
}

}  // namespace signalbox
