#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "server/fleet/node_status.h"

namespace signalbox {

// Tells how far a proxy is. Asked when somebody wants to know, so that an acknowledgement touches
// its own stream only.
class StatusSource {
 public:
  virtual ~StatusSource() = default;
  virtual NodeStatus Status() const = 0;
};

// Who is connected, and who was. Safe from any thread; calls nobody while locked.
class Fleet {
 public:
  // `clock` must outlive this object.
  explicit Fleet(const Clock* clock);

  // A stream of the node began; it is asked as long as it lives.
  void Connect(const std::string& node_id, std::weak_ptr<const StatusSource> stream)
      SB_EXCLUDES(mu_);
  // A stream ended; `last` is what it knew. Without another stream the node is GONE from now on.
  void Disconnect(const StatusSource* stream, NodeStatus last) SB_EXCLUDES(mu_);

  // Every node that is connected or is remembered, sorted by namespace, group and id. What several
  // streams of a node tell is merged (node_status.h). At most kMaxGoneNodes that are gone are
  // remembered, the longest gone is forgotten first.
  std::vector<NodeStatus> List() const SB_EXCLUDES(mu_);

  static constexpr size_t kMaxGoneNodes = 10000;

 private:
  struct Connection {
    const StatusSource* stream;
    std::weak_ptr<const StatusSource> source;
  };
  struct Gone {
    NodeStatus last;
    std::list<std::string>::iterator order;
  };

  const Clock* const clock_;

  mutable Mutex mu_;
  std::map<std::string, std::vector<Connection>> connected_
      SB_GUARDED_BY(mu_);  // by node id; the newest last
  std::map<std::string, Gone> gone_ SB_GUARDED_BY(mu_);
  std::list<std::string> gone_order_ SB_GUARDED_BY(mu_);  // the longest gone first
};

}  // namespace signalbox
