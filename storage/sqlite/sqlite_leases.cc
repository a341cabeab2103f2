#include "storage/sqlite/sqlite_leases.h"

#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/check_lease.h"
#include "storage/errors.h"
#include "storage/sqlite/sqlite_access.h"
#include "storage/sqlite/sqlite_connection.h"

namespace signalbox {
namespace {

constexpr Sql kSelectLease = {"select_lease",
                              "SELECT name, holder, number, until_ms FROM lease WHERE name = ?1"};
constexpr Sql kSelectLeases = {"select_leases",
                               "SELECT name, holder, number, until_ms FROM lease ORDER BY name"};
constexpr Sql kWriteLease = {
    "write_lease",
    "INSERT INTO lease (name, holder, number, until_ms) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (name) DO UPDATE SET holder = ?2, number = ?3, until_ms = ?4"};

Lease LeaseIn(const SqliteQuery& query) {
  return {.name = std::string(query.Text(0)),
          .holder = std::string(query.Text(1)),
          .number = query.Int(2),
          .until = absl::FromUnixMillis(query.Int(3))};
}

absl::StatusOr<std::optional<Lease>> ReadLease(SqliteConnection* connection,
                                               absl::string_view name) {
  SqliteQuery query(connection, kSelectLease);
  query.BindText(1, name);
  std::optional<Lease> lease;
  if (query.Step()) lease = LeaseIn(query);
  SB_RETURN_IF_ERROR(query.status());
  return lease;
}

absl::Status WriteLease(SqliteConnection* connection, const Lease& lease) {
  return SqliteQuery(connection, kWriteLease)
      .BindText(1, lease.name)
      .BindText(2, lease.holder)
      .Bind(3, lease.number)
      .Bind(4, absl::ToUnixMillis(lease.until))
      .Run();
}

absl::Status CheckHeld(SqliteConnection* connection, const Lease& lease) {
  SB_ASSIGN_OR_RETURN(const std::optional<Lease> found, ReadLease(connection, lease.name));
  if (!found.has_value() || found->number != lease.number || found->holder != lease.holder) {
    return errors::LeaseLost(lease);
  }
  return absl::OkStatus();
}

absl::Time Millis(absl::Time time) { return absl::FromUnixMillis(absl::ToUnixMillis(time)); }

}  // namespace

SqliteLeases::SqliteLeases(std::shared_ptr<SqliteDatabase> database, const Clock* clock)
    : database_(std::move(database)), clock_(clock) {
  SB_CHECK(database_ != nullptr && clock_ != nullptr);
}

absl::StatusOr<Lease> SqliteLeases::Acquire(absl::string_view name, absl::string_view holder,
                                            absl::Duration duration) {
  SB_RETURN_IF_ERROR(CheckLeaseNames(name, holder));
  SB_RETURN_IF_ERROR(CheckLeaseDuration(duration));
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<Lease> {
    SB_ASSIGN_OR_RETURN(const std::optional<Lease> found, ReadLease(connection, name));
    const absl::Time now = Millis(clock_->Now());
    if (found.has_value() && !found->holder.empty() && found->holder != holder &&
        found->until > now) {
      return errors::LeaseHeld(*found);
    }
    const Lease lease = {.name = std::string(name),
                         .holder = std::string(holder),
                         .number = found.has_value() ? found->number + 1 : 1,
                         .until = Millis(now + duration)};
    SB_RETURN_IF_ERROR(WriteLease(connection, lease));
    return lease;
  });
}

absl::StatusOr<Lease> SqliteLeases::Renew(const Lease& lease, absl::Duration duration) {
  SB_RETURN_IF_ERROR(CheckLeaseNames(lease.name, lease.holder));
  SB_RETURN_IF_ERROR(CheckLeaseDuration(duration));
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::StatusOr<Lease> {
    SB_RETURN_IF_ERROR(CheckHeld(connection, lease));
    Lease renewed = lease;
    renewed.until = Millis(clock_->Now() + duration);
    SB_RETURN_IF_ERROR(WriteLease(connection, renewed));
    return renewed;
  });
}

absl::Status SqliteLeases::Confirm(const Lease& lease) {
  SB_RETURN_IF_ERROR(CheckLeaseNames(lease.name, lease.holder));
  return WriteTo(database_.get(),
                 [&](SqliteConnection* connection) { return CheckHeld(connection, lease); });
}

absl::Status SqliteLeases::Release(const Lease& lease) {
  SB_RETURN_IF_ERROR(CheckLeaseNames(lease.name, lease.holder));
  return WriteTo(database_.get(), [&](SqliteConnection* connection) -> absl::Status {
    const absl::Status held = CheckHeld(connection, lease);
    if (absl::IsFailedPrecondition(held)) return absl::OkStatus();
    SB_RETURN_IF_ERROR(held);
    Lease released = lease;
    released.holder.clear();
    released.until = Millis(clock_->Now());
    return WriteLease(connection, released);
  });
}

absl::StatusOr<std::vector<Lease>> SqliteLeases::List() {
  return ReadFrom(database_.get(),
                  [](SqliteConnection* connection) -> absl::StatusOr<std::vector<Lease>> {
                    std::vector<Lease> leases;
                    SqliteQuery query(connection, kSelectLeases);
                    while (query.Step()) leases.push_back(LeaseIn(query));
                    SB_RETURN_IF_ERROR(query.status());
                    return leases;
                  });
}

}  // namespace signalbox
