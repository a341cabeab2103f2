#include "server/jobs/quarantine_keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "storage/check_quarantine.h"
#include "storage/check_text.h"
#include "storage/limits.h"

namespace signalbox {
namespace {

// How often it is looked whether others wrote something, and how long after a failure it is tried
// again.
constexpr absl::Duration kPause = absl::Seconds(1);

}  // namespace

QuarantineKeeper::QuarantineKeeper(ResourceStore* store, QuarantineBook* book, Served served,
                                   Report report)
    : store_(store), book_(book), served_(std::move(served)), report_(std::move(report)) {}

QuarantineKeeper::~QuarantineKeeper() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    stop_.SignalAll();
  }
  book_->Wake();
  if (thread_.joinable()) thread_.join();
}

absl::Status QuarantineKeeper::Start() {
  SB_RETURN_IF_ERROR(Keep());
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

bool QuarantineKeeper::Stopping() {
  MutexLock lock(&mu_);
  return stopping_;
}

void QuarantineKeeper::Pause() {
  MutexLock lock(&mu_);
  if (!stopping_) stop_.WaitFor(&mu_, absl::ToChronoNanoseconds(kPause));
}

void QuarantineKeeper::Run() {
  while (!Stopping()) {
    book_->WaitForChange(kPause);
    const absl::Status status = Keep();
    if (absl::IsCancelled(status)) return;
    Note(status);
    if (!status.ok()) Pause();
  }
  // What came while it stopped.
  Note(Keep());
}

absl::Status QuarantineKeeper::Keep() {
  // The head as it is known, without a look at the database.
  SB_ASSIGN_OR_RETURN(const Head head, store_->WaitForChange(seen_, absl::InfinitePast()));
  if (!served_(head))
    return absl::FailedPreconditionError("the database is not the one that is served");
  SB_RETURN_IF_ERROR(LearnNews(head));
  return WriteChanged();
}

void QuarantineKeeper::Note(const absl::Status& status) {
  if (status == last_) return;
  last_ = status;
  report_(status);
}

absl::Status QuarantineKeeper::WriteChanged() {
  while (true) {
    std::vector<NodeQuarantines> taken = book_->TakeChanged(limits::kMaxQuarantineBatch);
    if (taken.empty()) return absl::OkStatus();
    // What proxies say nobody can mend.
    for (NodeQuarantines& node : taken) {
      for (Quarantine& quarantine : node.quarantines)
        quarantine.error = CutText(quarantine.error, limits::kMaxMessageBytes);
    }
    std::erase_if(taken, [](const NodeQuarantines& node) {
      return !CheckQuarantines({&node, 1}).ok();
    });
    const absl::StatusOr<Head> head = store_->WriteQuarantines(taken);
    if (!head.ok()) {
      book_->PutBack(taken);
      return head.status();
    }
    // Unless others wrote meanwhile there is no news in it.
    const bool alone = head->store_id == seen_.store_id && head->epoch == seen_.epoch &&
                       head->control_seq == seen_.control_seq + static_cast<int64_t>(taken.size());
    if (alone) seen_ = *head;
  }
}

absl::Status QuarantineKeeper::LearnNews(const Head& head) {
  const bool same = head.store_id == seen_.store_id && head.epoch == seen_.epoch;
  if (same && head.control_seq <= seen_.control_seq) return absl::OkStatus();
  if (!same) seen_ = {};
  for (bool complete = false; !complete;) {
    SB_ASSIGN_OR_RETURN(const QuarantinePage page, store_->QuarantinesSince(seen_.control_seq));
    for (const QuarantinePage::Node& node : page.nodes) book_->Learn(node);
    seen_.control_seq = page.as_of;
    complete = page.complete;
  }
  seen_.store_id = head.store_id;
  seen_.epoch = head.epoch;
  seen_.control_seq = std::max(seen_.control_seq, head.control_seq);
  return absl::OkStatus();
}

}  // namespace signalbox
