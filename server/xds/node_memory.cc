#include "server/xds/node_memory.h"

#include "server/xds/limits.h"

namespace signalbox {

NodeMemory NodeMemories::Recall(const std::string& node_id, const std::string& agent) {
  MutexLock lock(&mu_);
  const auto found = entries_.find({node_id, agent});
  if (found == entries_.end()) return {};
  by_use_.splice(by_use_.begin(), by_use_, found->second.used);
  return found->second.memory;
}

void NodeMemories::Keep(const std::string& node_id, const std::string& agent, NodeMemory memory) {
  const Key key{node_id, agent};
  MutexLock lock(&mu_);
  const auto found = entries_.find(key);
  if (memory.empty()) {
    if (found == entries_.end()) return;
    by_use_.erase(found->second.used);
    entries_.erase(found);
    return;
  }
  if (found != entries_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found->second.used);
    found->second.memory = std::move(memory);
    return;
  }
  by_use_.push_front(key);
  entries_.emplace(key, Entry{std::move(memory), by_use_.begin()});
  if (entries_.size() > limits::kMaxRememberedNodes) {
    entries_.erase(by_use_.back());
    by_use_.pop_back();
  }
}

}  // namespace signalbox
