#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/xds/stream_quota.h"

namespace signalbox {

// What a stream needs before it is served: a place, and a first request in time. Not synchronised;
// must not outlive the quota.
class Admission {
 public:
  // Takes a place, where there is a quota (null: as many streams as come), and sets the time for
  // the first request. Once, before anything else.
  //   kResourceExhausted  there are as many streams as there may be
  absl::Status Open(StreamQuota* quota, absl::Time now);
  // Until when the first request has to come.
  absl::Time first_request_by() const { return first_request_by_; }
  // The first request has not come yet: whether there is still time.
  //   kDeadlineExceeded  there is not
  absl::Status CheckInTime(absl::Time now) const;
  // Says whose stream it is. Once.
  //   kResourceExhausted  the node has as many as it may
  absl::Status Name(const std::string& node_id);
  // Gives the place up.
  void Leave() { place_ = nullptr; }

 private:
  std::unique_ptr<StreamQuota::Place> place_;
  absl::Time first_request_by_ = absl::InfiniteFuture();
};

}  // namespace signalbox
