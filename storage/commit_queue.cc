#include "storage/commit_queue.h"

#include <cstddef>
#include <utility>

#include "storage/limits.h"

namespace signalbox {

CommitQueue::CommitQueue(WriteBatch write) : write_(std::move(write)) {}

CommitQueue::Waiting::Turn CommitQueue::Waiting::Wait() {
  MutexLock lock(&mu);
  while (turn == Turn::kWaits) changed.Wait(&mu);
  return turn;
}

void CommitQueue::Waiting::Give(Turn its) {
  MutexLock lock(&mu);
  turn = its;
  changed.Signal();
}

absl::StatusOr<Committed> CommitQueue::Submit(const CommitRequest& request) {
  Waiting self(request);
  bool writes = false;
  {
    MutexLock lock(&mu_);
    queue_.push_back(&self);
    writes = !std::exchange(writing_, true);
  }
  if (!writes && self.Wait() == Waiting::Turn::kDone) return std::move(self.result);
  std::vector<Waiting*> batch;
  {
    MutexLock lock(&mu_);
    batch = NextBatchLocked();
  }
  Write(batch);
  for (Waiting* const waiting : batch) {
    if (waiting != &self) waiting->Give(Waiting::Turn::kDone);
  }
  MutexLock lock(&mu_);
  writing_ = !queue_.empty();
  if (writing_) queue_.front()->Give(Waiting::Turn::kWrites);
  return std::move(self.result);
}

size_t CommitQueue::waiting() {
  MutexLock lock(&mu_);
  return queue_.size();
}

std::vector<CommitQueue::Waiting*> CommitQueue::NextBatchLocked() {
  std::vector<Waiting*> batch;
  size_t bytes = 0;
  while (!queue_.empty() && batch.size() < limits::kMaxBatchRequests) {
    bytes += queue_.front()->request->bytes;
    if (!batch.empty() && bytes > limits::kMaxBatchBytes) break;
    batch.push_back(queue_.front());
    queue_.pop_front();
  }
  return batch;
}

void CommitQueue::Write(absl::Span<Waiting* const> batch) {
  std::vector<const CommitRequest*> requests;
  requests.reserve(batch.size());
  for (const Waiting* const waiting : batch) requests.push_back(waiting->request);
  auto results = write_(requests);
  if (results.ok()) {
    for (size_t i = 0; i < batch.size(); ++i) batch[i]->result = std::move((*results)[i]);
    return;
  }
  const bool unknown = absl::IsUnavailable(results.status());
  if (batch.size() == 1 || unknown) {
    for (Waiting* const waiting : batch) waiting->result = results.status();
    return;
  }
  for (Waiting* const waiting : batch) Write({&waiting, 1});
}

}  // namespace signalbox
