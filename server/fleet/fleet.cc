#include "server/fleet/fleet.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace signalbox {

Fleet::Fleet(const Clock* clock) : clock_(clock) {}

void Fleet::Connect(const std::string& node_id, std::weak_ptr<const StatusSource> stream) {
  const StatusSource* const identity = stream.lock().get();
  MutexLock lock(&mu_);
  connected_[node_id].push_back({identity, std::move(stream)});
  const auto gone = gone_.find(node_id);
  if (gone == gone_.end()) return;
  gone_order_.erase(gone->second.order);
  gone_.erase(gone);
}

void Fleet::Disconnect(const StatusSource* stream, NodeStatus last) {
  last.state = NodeState::kGone;
  last.since = clock_->Now();
  MutexLock lock(&mu_);
  const auto node = connected_.find(last.id);
  if (node == connected_.end()) return;
  std::vector<Connection>& streams = node->second;
  streams.erase(std::remove_if(streams.begin(), streams.end(),
                               [&](const Connection& c) { return c.stream == stream; }),
                streams.end());
  if (!streams.empty()) return;
  connected_.erase(node);
  gone_order_.push_back(last.id);
  const std::string id = last.id;
  gone_.insert_or_assign(id, Gone{std::move(last), std::prev(gone_order_.end())});
  if (gone_.size() > kMaxGoneNodes) {
    gone_.erase(gone_order_.front());
    gone_order_.pop_front();
  }
}

std::vector<NodeStatus> Fleet::List() const {
  std::vector<NodeStatus> nodes;
  std::vector<std::vector<std::shared_ptr<const StatusSource>>> sources;
  {
    MutexLock lock(&mu_);
    for (const auto& [id, streams] : connected_) {
      std::vector<std::shared_ptr<const StatusSource>> living;
      for (const Connection& stream : streams) {
        if (auto source = stream.source.lock()) living.push_back(std::move(source));
      }
      if (!living.empty()) sources.push_back(std::move(living));
    }
    for (const auto& [id, gone] : gone_) nodes.push_back(gone.last);
  }
  for (const auto& of_node : sources) {
    std::vector<NodeStatus> streams;
    for (const auto& source : of_node) streams.push_back(source->Status());
    nodes.push_back(Merged(std::move(streams)));
  }
  std::sort(nodes.begin(), nodes.end(), [](const NodeStatus& a, const NodeStatus& b) {
    return std::tie(a.namespace_name, a.group, a.id) < std::tie(b.namespace_name, b.group, b.id);
  });
  return nodes;
}

}  // namespace signalbox
