#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "storage/model/node_state.h"
#include "storage/model/revision.h"

namespace signalbox {

// One type at a proxy.
struct NodeTypeStatus {
  std::string type;  // the short name
  NodeState state = NodeState::kIdle;
  Revision revision;                 // the newest one that the proxy has all of for this type
  absl::Time since;                  // when the state began, wall clock
  std::vector<std::string> refused;  // resources that it refused and that are not sent again
  std::string error;                 // what it said when it last refused
  std::string detail;                // why the state is not SYNCED
};

// A proxy, as far as one stream of it tells, or all of them together.
struct NodeStatus {
  std::string namespace_name;
  std::string group;
  std::string id;
  std::string client;        // user agent and version: "envoy 1.40.0"
  std::string variant;       // "delta" or "sotw"
  bool of_one_type = false;  // the stream is one of a type's own service
  absl::Time connected;      // when the stream began, wall clock
  NodeState state = NodeState::kIdle;
  absl::Time since;
  Revision revision;  // the newest one that the proxy has all of
  std::string detail;
  std::vector<NodeTypeStatus> types;  // subscribed ones, in push order
};

// How much a state asks for attention: more than any that is better.
int Severity(NodeState state);

// Takes state, since, detail and revision from `types`: the worst state, and the oldest revision of
// those that are not IDLE. Without types it is IDLE since the infinite past.
void SumUp(NodeStatus* node);

// What the streams of one node tell together; they stand from the oldest to the newest, and there
// is one at least. Of each type tells the newest stream that serves all types, since an older one
// may be dead without having said so, or else the worst of those of the type's own service, each of
// which may be for other names.
NodeStatus Merged(std::vector<NodeStatus> streams);

}  // namespace signalbox
