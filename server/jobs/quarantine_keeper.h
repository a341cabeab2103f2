#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "storage/model/quarantine.h"
#include "storage/model/revision.h"
#include "storage/resource_store.h"

namespace signalbox {

// What nodes refuse, as those who serve them know it. Safe from any thread.
class QuarantineBook {
 public:
  virtual ~QuarantineBook() = default;

  // Waits until something changed or Wake is called, at most so long; whether there is something
  // to take.
  virtual bool WaitForChange(absl::Duration longest) = 0;
  // Ends a wait, or the next one.
  virtual void Wake() = 0;
  // At most `count` nodes that changed since they were taken.
  virtual std::vector<NodeQuarantines> TakeChanged(size_t count) = 0;
  // These were not written: they count as changed again.
  virtual void PutBack(const std::vector<NodeQuarantines>& taken) = 0;
  // What the store says of a node. Whoever serves the node knows better.
  virtual void Learn(const QuarantinePage::Node& node) = 0;
};

// Keeps what nodes refuse in the store, so that it is not sent to them again after a restart, or by
// another instance (XDS W2), and learns what others put there; on a thread of its own, within a
// second or two. While the store cannot be written nothing is lost as long as the process lives. A
// node with an id longer than stores take is left out.
class QuarantineKeeper {
 public:
  // Is told on the keeper's thread when writing begins to fail, fails otherwise, and works again
  // (an OK status).
  using Report = std::function<void(const absl::Status&)>;
  // Whether a head is of the history that is served: another database is neither written nor read.
  // Called on the keeper's thread.
  using Served = std::function<bool(const Head&)>;

  // The pointers must outlive this object.
  QuarantineKeeper(ResourceStore* store, QuarantineBook* book, Served served, Report report);
  // Writes what is left and ends the thread. The store must not be closed yet.
  ~QuarantineKeeper();

  // Learns all that the store has, then goes on in the background. Once.
  //   any  the store's; nothing goes on
  absl::Status Start();

 private:
  void Run();
  bool Stopping() SB_EXCLUDES(mu_);
  // Waits a little or for the end.
  void Pause() SB_EXCLUDES(mu_);
  // Writes what changed and learns what others wrote.
  absl::Status Keep();
  absl::Status WriteChanged();
  absl::Status LearnNews(const Head& head);
  void Note(const absl::Status& status);

  ResourceStore* const store_;
  QuarantineBook* const book_;
  const Served served_;
  const Report report_;

  Mutex mu_;
  CondVar stop_;
  bool stopping_ SB_GUARDED_BY(mu_) = false;

  // Of Start, and then of the thread alone.
  Head seen_;  // its control_seq says how far the store was read
  absl::Status last_;

  std::thread thread_;
};

}  // namespace signalbox
