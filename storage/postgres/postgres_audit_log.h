#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "storage/audit_batches.h"
#include "storage/audit_log.h"

namespace signalbox {

class PostgresPool;

// The audit log in the schema `audit` of a database that other instances may use at the same time:
// the row of its head puts their events in one order.
class PostgresAuditLog : public AuditLog {
 public:
  // The database of `pool` has the newest schema of the area; others may use the pool too. `clock`
  // is null for the database's own, which instances share; tests set one that must outlive the log.
  PostgresAuditLog(std::shared_ptr<PostgresPool> pool, const Clock* clock);

  absl::Status Append(const AuditEvent& event) override;
  absl::Status AppendFromOutbox(const AuditCursor& after, const AuditCursor& upto,
                                absl::Span<const OutboxRow> rows) override;
  absl::StatusOr<AuditHead> ReadHead() override;
  absl::StatusOr<AuditPage> List(const AuditFilter& filter,
                                 const std::optional<AuditPosition>& below, int page_size) override;
  absl::StatusOr<std::vector<AuditRecord>> ListAfter(int64_t after, int page_size) override;
  absl::StatusOr<AuditHead> VerifyChain() override;
  absl::StatusOr<int> Prune(const AuditRetention& retention) override;
  absl::StatusOr<int64_t> SizeBytes() override;

 private:
  absl::Status WriteDirect(absl::Span<const AuditEvent* const> events);

  const std::shared_ptr<PostgresPool> pool_;
  const Clock* const clock_;

  AuditBatches batches_;
};

}  // namespace signalbox
