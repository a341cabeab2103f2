#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "base/hash.h"
#include "server/jobs/quarantine_keeper.h"
#include "server/snapshot/fragment.h"
#include "server/snapshot/snapshot_builder.h"
#include "server/xds/node_memory.h"

namespace signalbox {

// What streams know to be refused, for who keeps it.
class StreamQuarantines : public QuarantineBook {
 public:
  // Both must outlive this object.
  StreamQuarantines(NodeMemories* memories, const SnapshotBuilder* builder);

  bool WaitForChange(absl::Duration longest) override { return memories_->WaitForChange(longest); }
  void Wake() override { memories_->Wake(); }
  std::vector<NodeQuarantines> TakeChanged(size_t count) override {
    return memories_->TakeChanged(count);
  }
  void PutBack(const std::vector<NodeQuarantines>& taken) override { memories_->PutBack(taken); }
  // By one thread at a time. What is last good and cannot be made into a fragment any more, since
  // its type is gone, is not known any more.
  void Learn(const QuarantinePage::Node& node) override;

 private:
  FragmentPtr FragmentOf(const Resource& resource);

  NodeMemories* const memories_;
  const SnapshotBuilder* const builder_;
  // A fleet that refuses the same has the same instead.
  std::map<Digest, std::weak_ptr<const Fragment>> known_;  // by record hash
};

}  // namespace signalbox
