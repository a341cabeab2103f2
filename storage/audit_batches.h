#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "storage/model/audit_event.h"

namespace signalbox {

// Group commit for events: those that wait while one transaction runs share the next one, at most
// limits::kMaxAuditBatch of them. There is no thread of its own: one of the callers writes for all.
// Safe from any thread.
class AuditBatches {
 public:
  // Writes the events as one transaction. Called by one thread at a time.
  using Write = std::function<absl::Status(absl::Span<const AuditEvent* const>)>;

  explicit AuditBatches(Write write);

  // Has the event written with whatever waits beside it; returns what became of all of them.
  absl::Status Submit(const AuditEvent& event) SB_EXCLUDES(mu_);

 private:
  struct Waiting {
    const AuditEvent* event = nullptr;
    bool done = false;
    absl::Status result;
    CondVar changed;  // done, or first in the queue with nobody writing
  };

  const Write write_;

  Mutex mu_;
  std::deque<Waiting*> queue_ SB_GUARDED_BY(mu_);
  bool writing_ SB_GUARDED_BY(mu_) = false;
};

}  // namespace signalbox
