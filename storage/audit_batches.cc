#include "storage/audit_batches.h"

#include <algorithm>
#include <utility>

#include "storage/limits.h"

namespace signalbox {

AuditBatches::AuditBatches(Write write) : write_(std::move(write)) {}

absl::Status AuditBatches::Submit(const AuditEvent& event) {
  Waiting self = {.event = &event, .result = {}, .changed = {}};
  std::vector<Waiting*> batch;
  {
    MutexLock lock(&mu_);
    queue_.push_back(&self);
    while (!self.done && (writing_ || queue_.front() != &self)) self.changed.Wait(&mu_);
    if (self.done) return self.result;
    writing_ = true;
    const size_t count = std::min(queue_.size(), limits::kMaxAuditBatch);
    batch.assign(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  std::vector<const AuditEvent*> events;
  events.reserve(batch.size());
  for (const Waiting* waiting : batch) events.push_back(waiting->event);
  const absl::Status result = write_(events);

  MutexLock lock(&mu_);
  writing_ = false;
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(batch.size()));
  for (Waiting* waiting : batch) {
    waiting->result = result;
    waiting->done = true;
    waiting->changed.Signal();
  }
  if (!queue_.empty()) queue_.front()->changed.Signal();
  return result;
}

}  // namespace signalbox
