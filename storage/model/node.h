#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "storage/model/node_state.h"
#include "storage/model/revision.h"

namespace signalbox {

// A node as an instance last saw it: a row of the inventory.
struct NodeRecord {
  std::string id;  // of the client's own node message; what a node is found by
  std::string namespace_name;
  std::string group;
  std::string client;    // user agent and version: "envoy 1.40.0"
  std::string variant;   // "delta" or "sotw"
  std::string instance;  // the one it is, or was, connected to
  absl::Time connected;  // when the stream began, milliseconds
  NodeState state = NodeState::kIdle;
  absl::Time since;                       // when the state began, milliseconds
  uint64_t epoch = 0;                     // of the revisions here
  Revision revision;                      // the newest one that the node has all of
  std::map<std::string, Revision> acked;  // by type's short name
  std::string detail;                     // why the state is not SYNCED
  absl::Time seen;                        // when this was written; from the store's clock
};

// A state that a node had: a row of its history.
struct NodeStatusChange {
  int64_t number = 0;  // grows
  std::string node;
  std::string group;
  std::string instance;
  NodeState state = NodeState::kIdle;
  absl::Time since;
  Revision revision;
  std::string detail;
};

// What a node refused, and how often. One row for each (fingerprint, type, resource, node).
struct NackRecord {
  int64_t number = 0;       // given by the store; grows
  std::string fingerprint;  // the same for refusals that mean the same
  std::string type;         // the type's short name
  std::string resource;     // its name; "" when the node named none
  std::string node;
  std::string client;   // of the last refusal, ...
  std::string message;  // ... as the node said it
  uint64_t epoch = 0;
  Revision revision;
  absl::Time first_seen;
  absl::Time last_seen;
  int64_t count = 1;  // refusals that came together; in a list: all of them
};

// What an instance says of itself.
struct InstanceRecord {
  std::string name;
  std::string version;  // of the daemon
  std::string address;  // where its proxies connect
  absl::Time started;
  int64_t nodes = 0;  // connected to it
  uint64_t epoch = 0;
  Revision watermark;  // all its nodes have acknowledged everything up to here
  absl::Time seen;     // when this was written; from the store's clock
};

}  // namespace signalbox
