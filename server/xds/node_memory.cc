#include "server/xds/node_memory.h"

#include <algorithm>
#include <chrono>

#include "absl/time/time.h"
#include "server/xds/limits.h"

namespace signalbox {
namespace {

// What one process had before says nothing of what another of the same id and build has: that may
// have something where this one has nothing, or something newer.
void DoNotVouch(Refusal& refusal) {
  refusal.last_good = nullptr;
  refusal.may_hold = true;
}

}  // namespace

NodeMemories::Seat NodeMemories::Join(const std::string& node, const std::string& client,
                                      const std::string& namespace_name,
                                      std::weak_ptr<RetryTarget> stream) {
  MutexLock lock(&mu_);
  Entry& entry = entries_[{node, client}];
  UseLocked(entry);
  entry.namespace_name = namespace_name;
  const std::shared_ptr<RetryTarget> target = stream.lock();
  entry.streams.push_back({target.get(), std::move(stream), {}});
  return {node, client, target.get(), {}};
}

NodeMemory NodeMemories::Recall(const std::string& type, Seat* seat) {
  MutexLock lock(&mu_);
  const auto found = entries_.find({seat->node, seat->client});
  if (found == entries_.end()) return {};
  Entry& entry = found->second;
  OfType& of_type = entry.types[type];
  for (Live& live : entry.streams) {
    if (live.stream == seat->stream) {
      live.types.insert(type);
    } else if (live.types.contains(type) && entry.shared.insert(type).second) {
      for (auto& [name, refusal] : of_type.refused) DoNotVouch(refusal);
      NoteChangedLocked(found->first);
    }
  }
  seat->as_of[type] = entry.last;
  NodeMemory memory;
  for (const auto& [name, refusal] : of_type.refused) memory.refused.push_back(refusal);
  for (const auto& [name, when] : of_type.unsettled) memory.unsettled.push_back(name);
  return memory;
}

void NodeMemories::Note(const Seat& seat, std::vector<RefusalChange> changes) {
  MutexLock lock(&mu_);
  const auto found = entries_.find({seat.node, seat.client});
  if (found == entries_.end()) return;
  bool changed = false;
  for (RefusalChange& change : changes) {
    std::map<std::string, Refusal>& refused = found->second.types[change.type].refused;
    if (change.refusal.has_value()) {
      if (found->second.shared.contains(change.type)) DoNotVouch(*change.refusal);
      refused.insert_or_assign(change.name, *std::move(change.refusal));
      changed = true;
      continue;
    }
    const auto known = refused.find(change.name);
    if (known == refused.end() || known->second.version != change.before) continue;
    refused.erase(known);
    changed = true;
  }
  if (changed) NoteChangedLocked(found->first);
}

void NodeMemories::Leave(const Seat& seat,
                         const std::map<std::string, std::vector<std::string>>& unsettled) {
  MutexLock lock(&mu_);
  const auto found = entries_.find({seat.node, seat.client});
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  std::erase_if(entry.streams, [&](const Live& live) { return live.stream == seat.stream; });
  ++entry.last;
  for (const auto& [type, names] : unsettled) {
    std::map<std::string, uint64_t>& known = entry.types[type].unsettled;
    const auto told = seat.as_of.find(type);
    const uint64_t as_of = told == seat.as_of.end() ? 0 : told->second;
    std::erase_if(known, [&](const auto& name) { return name.second <= as_of; });
    for (const std::string& name : names) known.insert_or_assign(name, entry.last);
  }
  if (entry.streams.empty()) ReleaseLocked(found);
}

size_t NodeMemories::Retry(absl::string_view node) {
  std::vector<std::weak_ptr<RetryTarget>> targets;
  size_t count = 0;
  {
    MutexLock lock(&mu_);
    for (auto it = entries_.lower_bound({std::string(node), ""});
         it != entries_.end() && it->first.first == node;) {
      const auto entry = it++;
      size_t refused = 0;
      for (auto& [type, of_type] : entry->second.types) {
        refused += of_type.refused.size();
        of_type.refused.clear();
      }
      for (const Live& live : entry->second.streams) targets.push_back(live.target);
      if (refused > 0) NoteChangedLocked(entry->first);
      count += refused;
      if (entry->second.streams.empty()) ReleaseLocked(entry);
    }
  }
  for (const std::weak_ptr<RetryTarget>& target : targets) {
    if (const std::shared_ptr<RetryTarget> stream = target.lock()) stream->OnRetry();
  }
  return count;
}

size_t NodeMemories::CountRefusing() const {
  MutexLock lock(&mu_);
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& entry) {
    return std::any_of(entry.second.types.begin(), entry.second.types.end(),
                       [](const auto& type) { return !type.second.refused.empty(); });
  }));
}

bool NodeMemories::WaitForChange(absl::Duration longest) {
  MutexLock lock(&mu_);
  if (changed_.empty() && !woken_) changed_cv_.WaitFor(&mu_, absl::ToChronoNanoseconds(longest));
  woken_ = false;
  return !changed_.empty();
}

void NodeMemories::Wake() {
  MutexLock lock(&mu_);
  woken_ = true;
  changed_cv_.Signal();
}

std::vector<NodeQuarantines> NodeMemories::TakeChanged(size_t count) {
  MutexLock lock(&mu_);
  std::vector<NodeQuarantines> taken;
  while (taken.size() < count && !changed_.empty()) {
    const Key key = std::move(changed_.extract(changed_.begin()).value());
    NodeQuarantines node{key.first, key.second, "", {}};
    if (const auto found = entries_.find(key); found != entries_.end()) {
      node.namespace_name = found->second.namespace_name;
      for (const auto& [type, of_type] : found->second.types) {
        for (const auto& [name, refusal] : of_type.refused) {
          if (node.quarantines.size() >= limits::kMaxQuarantines) break;
          Quarantine quarantine{type,          name,         refusal.version,
                                refusal.error, std::nullopt, refusal.may_hold};
          if (refusal.last_good != nullptr) quarantine.last_good = refusal.last_good->record_hash();
          node.quarantines.push_back(std::move(quarantine));
        }
      }
    }
    taken.push_back(std::move(node));
  }
  return taken;
}

void NodeMemories::PutBack(const std::vector<NodeQuarantines>& taken) {
  MutexLock lock(&mu_);
  for (const NodeQuarantines& node : taken) changed_.emplace(node.node, node.client);
}

void NodeMemories::Learn(const std::string& node, const std::string& client,
                         const std::string& namespace_name,
                         std::vector<std::pair<std::string, Refusal>> refused) {
  const Key key{node, client};
  MutexLock lock(&mu_);
  if (changed_.contains(key)) return;
  const auto found = entries_.try_emplace(key).first;
  Entry& entry = found->second;
  const auto is_asked_for = [&](const std::string& type) {
    return std::any_of(entry.streams.begin(), entry.streams.end(),
                       [&](const Live& live) { return live.types.contains(type); });
  };
  entry.namespace_name = namespace_name;
  for (auto& [type, of_type] : entry.types) {
    if (!is_asked_for(type)) of_type.refused.clear();
  }
  for (auto& [type, refusal] : refused) {
    if (is_asked_for(type)) continue;
    if (entry.shared.contains(type)) DoNotVouch(refusal);
    std::string name = refusal.name;
    entry.types[type].refused.insert_or_assign(std::move(name), std::move(refusal));
  }
  if (entry.streams.empty()) ReleaseLocked(found);
}

void NodeMemories::UseLocked(Entry& entry) {
  if (!entry.unused.has_value()) return;
  by_use_.erase(*entry.unused);
  entry.unused.reset();
}

void NodeMemories::ReleaseLocked(Entries::iterator entry) {
  UseLocked(entry->second);
  std::erase_if(entry->second.types, [](const auto& type) {
    return type.second.refused.empty() && type.second.unsettled.empty();
  });
  if (entry->second.types.empty()) {
    entries_.erase(entry);
    return;
  }
  by_use_.push_front(entry->first);
  entry->second.unused = by_use_.begin();
  if (by_use_.size() <= limits::kMaxRememberedNodes) return;
  // What it refused is to be forgotten where it is written down, too.
  NoteChangedLocked(by_use_.back());
  entries_.erase(by_use_.back());
  by_use_.pop_back();
}

void NodeMemories::NoteChangedLocked(const Key& key) {
  changed_.insert(key);
  changed_cv_.Signal();
}

}  // namespace signalbox
