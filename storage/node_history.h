#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/model/node.h"

namespace signalbox {

// What an instance has to say since it last wrote.
struct NodeHistoryBatch {
  std::vector<NodeRecord> nodes;  // those that connected, left or are in another state
  std::vector<NackRecord> nacks;
  std::optional<InstanceRecord> instance;
};

// What Write came to.
struct NodeHistoryWritten {
  int refused = 0;             // rows that were left out: text that is none or too long
  absl::Status first_refused;  // why the first of them was
};

// Which nodes a list shows; what is not set shows all.
struct NodeFilter {
  std::optional<std::string> namespace_name;
  std::optional<std::string> group;
  std::optional<std::string> instance;
  std::optional<NodeState> state;
};

// Where a page of nodes ends.
struct NodePosition {
  std::string namespace_name;
  std::string group;
  std::string id;
};

// A page of nodes by namespace, group and id.
struct NodePage {
  std::vector<NodeRecord> nodes;
  std::optional<NodePosition> next_after;  // ask with this for the next page; none at the end
};

// A page of one node's states, newest first.
struct NodeStatusPage {
  std::vector<NodeStatusChange> changes;
  std::optional<int64_t> next_below;
};

// Which refusals a list shows.
struct NackFilter {
  std::optional<std::string> node;
  std::optional<std::string> fingerprint;
  std::optional<std::string> type;
  std::optional<std::string> resource;
};

struct NackPosition {
  absl::Time last_seen;
  int64_t number = 0;
};

// A page of refusals, the last seen first.
struct NackPage {
  std::vector<NackRecord> nacks;
  std::optional<NackPosition> next_below;
};

// What is kept. A row goes when it is beyond the age or the count.
struct NodeHistoryRetention {
  absl::Duration status_age = absl::InfiniteDuration();
  int64_t status_count = INT64_MAX;  // of all nodes together
  absl::Duration nack_age = absl::InfiniteDuration();
  int64_t nack_count = INT64_MAX;
  absl::Duration gone_age = absl::InfiniteDuration();  // of nodes that are GONE, with all of theirs
  int64_t gone_count = INT64_MAX;
  absl::Duration instance_age = absl::InfiniteDuration();  // since an instance last wrote
};

// The fleet as all instances together see it: the inventory of nodes, what states they had, what
// they refused, how far each instance is. It can be lost without harm: nothing is decided by it,
// and instances write again what they see. What is written may be lost with the power for some
// seconds. Every method blocks and is safe from any thread. In all of them:
//   kUnavailable        the database cannot be reached or failed
//   kResourceExhausted  the disk is full
//   kCancelled          the store is closing
class NodeHistory {
 public:
  virtual ~NodeHistory() = default;

  // Writes a batch in one transaction. A node whose state or group is another than before gets a
  // row in its history. That a node is GONE is taken only from the instance that it was last seen
  // at: it may be connected to another by now. A refusal that is known is counted on. Rows that
  // break a limit are left out and reported, so that one node's text cannot hold up the others.
  //   kInvalidArgument  more than limits::kMaxHistoryBatch rows; nothing was written
  virtual absl::StatusOr<NodeHistoryWritten> Write(const NodeHistoryBatch& batch) = 0;

  //   kNotFound  the node is not known
  virtual absl::StatusOr<NodeRecord> GetNode(absl::string_view id) = 0;

  // Nodes after `after` (none: from the first), at most `page_size` (1 to limits::kMaxPageSize).
  virtual absl::StatusOr<NodePage> ListNodes(const NodeFilter& filter,
                                             const std::optional<NodePosition>& after,
                                             int page_size) = 0;

  // How many nodes are in each state; states of no node are left out.
  virtual absl::StatusOr<std::map<NodeState, int64_t>> CountNodes() = 0;

  // The states that a node had, those below `below` (none: from the newest). None for a node that
  // is not known.
  virtual absl::StatusOr<NodeStatusPage> ListStatusChanges(absl::string_view node,
                                                           std::optional<int64_t> below,
                                                           int page_size) = 0;

  virtual absl::StatusOr<NackPage> ListNacks(const NackFilter& filter,
                                             const std::optional<NackPosition>& below,
                                             int page_size) = 0;

  // Every instance that has written and is kept, by name.
  virtual absl::StatusOr<std::vector<InstanceRecord>> ListInstances() = 0;

  // Forgets a node with its history and its refusals. One that is connected is back with its next
  // change.
  //   kNotFound  the node is not known
  virtual absl::Status ForgetNode(absl::string_view id) = 0;

  // Removes what `retention` does not keep, the oldest first, at most limits::kMaxPrunedRows; how
  // many rows. 0: there is nothing left to do.
  virtual absl::StatusOr<int> Prune(const NodeHistoryRetention& retention) = 0;

  // Bytes that it occupies.
  virtual absl::StatusOr<int64_t> SizeBytes() = 0;
};

}  // namespace signalbox
