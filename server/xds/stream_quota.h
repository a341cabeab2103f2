#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/xds/limits.h"

namespace signalbox {

// Counts the open streams of a process and of each node. Safe from any thread; calls nobody while
// locked.
class StreamQuota {
 public:
  struct Bounds {
    int in_all = limits::kMaxStreams;
    int per_node = limits::kMaxStreamsPerNode;
  };

  // A stream's place; it is free again when this object is gone. Not synchronised.
  class Place {
   public:
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Says whose stream it is. Once.
    //   kResourceExhausted  the node has as many as it may
    absl::Status Name(const std::string& node_id);

   private:
    friend class StreamQuota;
    explicit Place(StreamQuota* quota) : quota_(quota) {}

    StreamQuota* const quota_;
    std::string node_id_;
    bool named_ = false;
  };

  StreamQuota() : StreamQuota(Bounds{}) {}
  explicit StreamQuota(const Bounds& bounds) : bounds_(bounds) {}

  // A place for one more stream, which must not outlive this object.
  //   kResourceExhausted  there are as many as there may be
  absl::StatusOr<std::unique_ptr<Place>> Take() SB_EXCLUDES(mu_);

 private:
  const Bounds bounds_;

  Mutex mu_;
  int taken_ SB_GUARDED_BY(mu_) = 0;
  std::map<std::string, int> by_node_ SB_GUARDED_BY(mu_);
};

}  // namespace signalbox
