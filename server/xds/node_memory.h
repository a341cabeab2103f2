#pragma once

#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "server/xds/refusals.h"

namespace signalbox {

// What one stream of a client leaves behind for the next: what it refused, and what it may have
// without saying so.
struct NodeMemory {
  struct OfType {
    std::vector<Refusal> refused;
    std::vector<std::string> unsettled;  // sent, neither acknowledged nor refused (XDS D3)

    bool empty() const { return refused.empty() && unsettled.empty(); }
  };
  std::map<std::string, OfType> types;  // by short name

  bool empty() const { return types.empty(); }
};

// The memories of all clients, each found by node id and client build: two builds with one id must
// not vouch for each other (XDS W2, O2b). Holds limits::kMaxRememberedNodes, the least recently
// used goes first. Safe from any thread; calls nobody while locked.
class NodeMemories {
 public:
  // An empty memory when there is none.
  NodeMemory Recall(const std::string& node_id, const std::string& agent) SB_EXCLUDES(mu_);
  // Replaces what is known of the client; an empty memory takes it out.
  void Keep(const std::string& node_id, const std::string& agent, NodeMemory memory)
      SB_EXCLUDES(mu_);

 private:
  using Key = std::pair<std::string, std::string>;
  struct Entry {
    NodeMemory memory;
    std::list<Key>::iterator used;
  };

  Mutex mu_;
  std::list<Key> by_use_ SB_GUARDED_BY(mu_);  // the most recently used first
  std::map<Key, Entry> entries_ SB_GUARDED_BY(mu_);
};

}  // namespace signalbox
