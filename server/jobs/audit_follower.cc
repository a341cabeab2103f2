#include "server/jobs/audit_follower.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/jobs/limits.h"
#include "storage/limits.h"

namespace signalbox {
namespace {

// How long a wait for a change lasts at most, and how soon a failure is tried again.
constexpr absl::Duration kPoll = absl::Seconds(1);
constexpr absl::Duration kTrimEvery = absl::Minutes(1);

AuditCursor After(const OutboxRow& row) { return {.epoch = row.epoch, .seq = row.seq}; }

}  // namespace

AuditFollower::AuditFollower(ResourceStore* store, AuditLog* audit, const Clock* clock,
                             Report report, const Bounds& bounds)
    : store_(store), audit_(audit), clock_(clock), report_(std::move(report)), bounds_(bounds) {}

AuditFollower::~AuditFollower() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    stop_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void AuditFollower::Start() {
  thread_ = std::thread([this] { Run(); });
}

absl::Status AuditFollower::Admit() const {
  MutexLock lock(&mu_);
  return refusal_;
}

absl::Status AuditFollower::MoveAll() {
  MutexLock lock(&moving_);
  while (true) {
    SB_ASSIGN_OR_RETURN(const bool more, MoveSome());
    if (!more) return Trim();
  }
}

void AuditFollower::Run() {
  Head seen;
  while (true) {
    absl::StatusOr<Head> head = store_->WaitForChange(seen, clock_->Monotonic() + kPoll);
    if (absl::IsCancelled(head.status())) return;
    absl::Status status = head.status();
    if (status.ok() && head->epoch != seen.epoch) ForgetCursor();
    if (status.ok()) status = MoveAll();
    if (status.ok()) seen = *head;
    if (absl::IsCancelled(status)) return;
    Note(status);
    MutexLock lock(&mu_);
    if (!status.ok() && !stopping_) stop_.WaitFor(&mu_, absl::ToChronoNanoseconds(kPoll));
    if (stopping_) return;
  }
}

void AuditFollower::ForgetCursor() {
  MutexLock lock(&moving_);
  cursor_known_ = false;
}

absl::StatusOr<bool> AuditFollower::MoveSome() {
  if (!cursor_known_) {
    SB_ASSIGN_OR_RETURN(const AuditHead head, audit_->ReadHead());
    cursor_ = head.cursor;
    cursor_known_ = true;
  }
  SB_ASSIGN_OR_RETURN(const std::vector<OutboxRow> rows,
                      store_->ReadOutbox(cursor_, limits::kMaxOutboxRows));
  if (rows.empty()) return false;
  const AuditCursor upto = After(rows.back());
  // Until it is known how this ends, the log's own cursor counts.
  cursor_known_ = false;
  const absl::Status moved = audit_->AppendFromOutbox(cursor_, upto, rows);
  if (absl::IsAborted(moved)) return true;  // another follower was first
  SB_RETURN_IF_ERROR(moved);
  cursor_ = upto;
  cursor_known_ = true;
  return true;
}

absl::Status AuditFollower::Trim() {
  if (clock_->Monotonic() < next_trim_) return absl::OkStatus();
  next_trim_ = clock_->Monotonic() + kTrimEvery;
  return store_->TrimOutbox(cursor_, clock_->Now() - limits::kOutboxKept).status();
}

void AuditFollower::Note(const absl::Status& status) {
  const absl::Status refusal = status.ok() ? absl::OkStatus() : TooFarBehind(status);
  bool news = false;
  {
    MutexLock lock(&mu_);
    news = status != last_;
    last_ = status;
    refusal_ = refusal;
  }
  if (news) report_(status);
}

absl::Status AuditFollower::TooFarBehind(const absl::Status& cause) {
  AuditCursor cursor;
  {
    MutexLock lock(&moving_);
    cursor = cursor_;
  }
  const absl::StatusOr<std::vector<OutboxRow>> first = store_->ReadOutbox(cursor, 1);
  if (!first.ok() || first->empty()) return absl::OkStatus();
  const AuditCursor limit = {.epoch = first->front().epoch,
                             .seq = first->front().seq + bounds_.events - 1};
  const absl::StatusOr<std::vector<OutboxRow>> beyond = store_->ReadOutbox(limit, 1);
  const bool many = beyond.ok() && !beyond->empty();
  const bool late = first->front().event.time < clock_->Now() - bounds_.delay;
  if (!many && !late) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the audit log cannot be written and is ",
                   late ? absl::StrCat("more than ", absl::FormatDuration(bounds_.delay))
                        : absl::StrCat(bounds_.events, " events"),
                   " behind; changes wait until it can: ", cause.message()));
}

}  // namespace signalbox
