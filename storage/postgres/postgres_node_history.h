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

namespace signalbox {

class PostgresPool;

// The node history in the schema `telemetry` of a database that other instances may use at the same
// time.
//   kAborted  of what writes: another transaction was in the way; nothing was written. Retry.
class PostgresNodeHistory : public NodeHistory {
 public:
  // The database of `pool` has the newest schema of the area; others may use the pool too. `clock`
  // is null for the database's own, which instances share; tests set one that must outlive this
  // object.
  PostgresNodeHistory(std::shared_ptr<PostgresPool> pool, const Clock* clock);

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
  absl::StatusOr<int64_t> SizeBytes() override;

 private:
  const std::shared_ptr<PostgresPool> pool_;
  const Clock* const clock_;
};

}  // namespace signalbox
