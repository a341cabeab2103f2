#include "server/xds/stream_quota.h"

#include "absl/strings/str_cat.h"

namespace signalbox {

absl::StatusOr<std::unique_ptr<StreamQuota::Place>> StreamQuota::Take() {
  MutexLock lock(&mu_);
  if (taken_ >= bounds_.in_all) {
    return absl::ResourceExhaustedError(
        absl::StrCat("this server has its ", bounds_.in_all, " streams; connect to another one"));
  }
  ++taken_;
  return std::unique_ptr<Place>(new Place(this));
}

absl::Status StreamQuota::Place::Name(const std::string& node_id) {
  MutexLock lock(&quota_->mu_);
  int& streams = quota_->by_node_[node_id];
  if (streams >= quota_->bounds_.per_node) {
    return absl::ResourceExhaustedError(
        absl::StrCat("node ", node_id, " has ", quota_->bounds_.per_node,
                     " streams, as many as one node may; one aggregated stream serves all types"));
  }
  ++streams;
  node_id_ = node_id;
  named_ = true;
  return absl::OkStatus();
}

StreamQuota::Place::~Place() {
  MutexLock lock(&quota_->mu_);
  --quota_->taken_;
  if (!named_) return;
  const auto node = quota_->by_node_.find(node_id_);
  if (--node->second == 0) quota_->by_node_.erase(node);
}

}  // namespace signalbox
