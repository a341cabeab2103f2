#include "server/daemon/stream_quarantines.h"

#include <string>
#include <utility>

namespace signalbox {
namespace {

// Beyond this the list begins anew, and fragments that are alike may be there twice.
constexpr size_t kKnown = 10000;

}  // namespace

StreamQuarantines::StreamQuarantines(NodeMemories* memories, const SnapshotBuilder* builder)
    : memories_(memories), builder_(builder) {}

void StreamQuarantines::Learn(const QuarantinePage::Node& node) {
  std::vector<std::pair<std::string, Refusal>> refused;
  for (size_t i = 0; i < node.is.quarantines.size(); ++i) {
    const Quarantine& quarantine = node.is.quarantines[i];
    Refusal refusal{quarantine.name, quarantine.version, nullptr, quarantine.error,
                    quarantine.may_hold};
    if (node.last_good[i] != nullptr) {
      refusal.last_good = FragmentOf(*node.last_good[i]);
      refusal.may_hold |= refusal.last_good == nullptr;
    }
    refused.emplace_back(quarantine.type, std::move(refusal));
  }
  memories_->Learn(node.is.node, node.is.client, node.is.namespace_name, std::move(refused));
}

FragmentPtr StreamQuarantines::FragmentOf(const Resource& resource) {
  if (known_.size() >= kKnown) known_.clear();
  std::weak_ptr<const Fragment>& known = known_[resource.record_hash];
  if (FragmentPtr fragment = known.lock()) return fragment;
  const absl::StatusOr<FragmentPtr> made = builder_->FragmentOf(resource);
  if (!made.ok()) return nullptr;
  known = *made;
  return *made;
}

}  // namespace signalbox
