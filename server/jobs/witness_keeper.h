#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "storage/model/revision.h"
#include "storage/resource_store.h"

namespace signalbox {

// Keeps the witness file up with the store's head, on a thread of its own: within two seconds of a
// change. A head that is not of the history that is served is no witness's to remember.
class WitnessKeeper {
 public:
  // Is told on the keeper's thread when writing begins to fail, and when it works again (an OK
  // status).
  using Report = std::function<void(const absl::Status&)>;
  // Whether a head is of the history that is served. Called on the keeper's thread.
  using Served = std::function<bool(const Head&)>;

  // The pointers must outlive this object.
  WitnessKeeper(ResourceStore* store, std::string path, const Clock* clock, Served served,
                Report report);
  // Ends the thread: at once when the store is closed, else within a second.
  ~WitnessKeeper();

 private:
  void Run();
  // Writes `head` unless the file has it; returns whether the file has it now.
  bool Keep(const Head& head);
  // Waits for a second or for the end; returns whether it is the end.
  bool Pause() SB_EXCLUDES(mu_);

  ResourceStore* const store_;
  const std::string path_;
  const Clock* const clock_;
  const Served served_;
  const Report report_;

  Mutex mu_;
  CondVar stop_;
  bool stopping_ SB_GUARDED_BY(mu_) = false;

  // Of the thread alone.
  Head kept_;
  absl::Status last_;

  std::thread thread_;
};

}  // namespace signalbox
