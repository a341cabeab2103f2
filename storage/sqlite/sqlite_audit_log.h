#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "storage/audit_batches.h"
#include "storage/audit_chain.h"
#include "storage/audit_log.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_database.h"

namespace signalbox {

// What VerifyAuditChain asks for, in a transaction of the caller's.
absl::StatusOr<AuditChainPart> ReadAuditChainPart(SqliteConnection* connection, int64_t after,
                                                  int count);

// The audit log in `audit.db`, or in memory. Events that were acknowledged survive the process and
// the power, as far as the database's durability goes.
class SqliteAuditLog : public AuditLog {
 public:
  // `database` is open and has the newest schema of the area; others may use it too. `clock` must
  // outlive the log.
  //   kDataLoss     the head is missing
  //   kUnavailable  reading failed
  static absl::StatusOr<std::unique_ptr<SqliteAuditLog>> Create(
      std::shared_ptr<SqliteDatabase> database, const Clock* clock);

  absl::Status Append(const AuditEvent& event) override;
  absl::Status AppendFromOutbox(const AuditCursor& after, const AuditCursor& upto,
                                absl::Span<const OutboxRow> rows) override;
  absl::StatusOr<AuditHead> ReadHead() override;
  absl::StatusOr<AuditPage> List(const AuditFilter& filter,
                                 const std::optional<AuditPosition>& below, int page_size) override;
  absl::StatusOr<std::vector<AuditRecord>> ListAfter(int64_t after, int page_size) override;
  absl::StatusOr<AuditHead> VerifyChain() override;
  absl::StatusOr<int> Prune(const AuditRetention& retention) override;
  absl::StatusOr<int64_t> SizeBytes() override { return database_->SizeBytes(); }

 private:
  SqliteAuditLog(std::shared_ptr<SqliteDatabase> database, const Clock* clock);

  absl::Status WriteDirect(absl::Span<const AuditEvent* const> events);

  const std::shared_ptr<SqliteDatabase> database_;
  const Clock* const clock_;

  AuditBatches batches_;
};

}  // namespace signalbox
