#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "storage/node_history.h"
#include "storage/sqlite/sqlite_database.h"

namespace signalbox {

// The node history in `telemetry.db`, or in memory.
class SqliteNodeHistory : public NodeHistory {
 public:
  // `database` is open and has the newest schema of the area; others may use it too. `clock` must
  // outlive this object.
  SqliteNodeHistory(std::shared_ptr<SqliteDatabase> database, const Clock* clock);

  absl::StatusOr<NodeHistoryWritten> Write(const NodeHistoryBatch& batch) override;
  absl::StatusOr<NodeRecord> GetNode(absl::string_view id) override;
  absl::StatusOr<NodePage> ListNodes(const NodeFilter& filter,
                                     const std::optional<NodePosition>& after,
                                     int page_size) override;
  absl::StatusOr<std::map<NodeState, int64_t>> CountNodes() override;
  absl::StatusOr<NodeStatusPage> ListStatusChanges(absl::string_view node,
                                                   std::optional<int64_t> below,
                                                   int page_size) override;
  absl::StatusOr<NackPage> ListNacks(const NackFilter& filter,
                                     const std::optional<NackPosition>& below,
                                     int page_size) override;
  absl::StatusOr<std::vector<InstanceRecord>> ListInstances() override;
  absl::Status ForgetNode(absl::string_view id) override;
  absl::StatusOr<int> Prune(const NodeHistoryRetention& retention) override;
  absl::StatusOr<int64_t> SizeBytes() override { return database_->SizeBytes(); }

 private:
  const std::shared_ptr<SqliteDatabase> database_;
  const Clock* const clock_;
};

}  // namespace signalbox
