#include "storage/postgres/postgres_pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/postgres/limits.h"

namespace signalbox {
namespace {

absl::Time Now() { return SystemClock().Monotonic(); }

// Between the first pause and three times the last one, so that instances do not dial in step.
absl::Duration NextPause(absl::Duration last, Random* random) {
  const absl::Duration highest = std::max(limits::kPostgresFirstPause, 3 * last);
  const absl::Duration spread = highest - limits::kPostgresFirstPause;
  const double share = static_cast<double>(random->Next() >> 11) / static_cast<double>(1ULL << 53);
  return std::min(limits::kPostgresLongestPause, limits::kPostgresFirstPause + share * spread);
}

}  // namespace

PostgresPool::PostgresPool(const Options& options)
    : options_(options), slots_(static_cast<size_t>(options.readers) + 1) {
  SB_CHECK(options.random != nullptr);
  SB_CHECK(options.readers >= 1 && options.readers <= limits::kMaxPostgresReaders);
  SB_CHECK(options.kept_readers >= 0 && options.kept_readers <= options.readers);
}

PostgresPool::~PostgresPool() { Close(); }

absl::StatusOr<PostgresPool::Lease> PostgresPool::Take(size_t first, size_t end) {
  size_t slot = end;
  {
    MutexLock lock(&mu_);
    while (slot == end) {
      if (closed_) return errors::StoreClosing();
      // An open one before one that must be opened.
      for (size_t i = first; i < end; ++i) {
        if (slots_[i].taken) continue;
        if (slot == end || (slots_[slot].connection == nullptr && slots_[i].connection != nullptr))
          slot = i;
      }
      if (slot == end) changed_.Wait(&mu_);
    }
    slots_[slot].taken = true;
  }
  const bool reused = slots_[slot].connection != nullptr;
  if (!reused) SB_RETURN_IF_ERROR(OpenTaken(slot));
  return Lease(this, slot, reused);
}

absl::Status PostgresPool::OpenTaken(size_t slot) {
  auto dialled = Dial();
  if (!dialled.ok()) {
    Return(slot);
    return dialled.status();
  }
  slots_[slot].connection = *std::move(dialled);
  slots_[slot].connection->set_silence(slot == 0 ? limits::kPostgresWriteSilence
                                                 : limits::kPostgresReadSilence);
  return absl::OkStatus();
}

void PostgresPool::KeepReaders() {
  for (size_t slot = 1; slot <= static_cast<size_t>(options_.kept_readers); ++slot) {
    {
      MutexLock lock(&mu_);
      if (closed_) return;
      if (slots_[slot].taken || slots_[slot].connection != nullptr) continue;
      slots_[slot].taken = true;
    }
    if (!OpenTaken(slot).ok()) return;
    Return(slot);
  }
}

absl::Status PostgresPool::WaitForPauseLocked() {
  while (true) {
    if (closed_) return errors::StoreClosing();
    const absl::Duration left = next_dial_ - Now();
    if (left <= absl::ZeroDuration()) return absl::OkStatus();
    if (left > limits::kPostgresLongestPause) return failure_;
    changed_.WaitFor(&mu_, absl::ToChronoNanoseconds(left));
  }
}

void PostgresPool::LengthenPauseLocked(const absl::Status& failure) {
  const absl::Time now = Now();
  if (failure_.ok()) {
    failing_since_ = now;
    pause_ = limits::kPostgresFirstPause;
  } else {
    pause_ = NextPause(pause_, options_.random);
  }
  failure_ = failure;
  next_dial_ =
      now + (now - failing_since_ < limits::kPostgresPatience ? pause_
                                                              : limits::kPostgresPauseAfterwards);
}

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresPool::Dial() {
  {
    MutexLock lock(&mu_);
    SB_RETURN_IF_ERROR(WaitForPauseLocked());
  }
  auto dialled = PostgresConnection::Open(options_.connection);
  MutexLock lock(&mu_);
  absl::Status failure = dialled.status();
  const bool same_cluster = failure.ok() && (*dialled)->system_id() == system_id_;
  if (same_cluster && (*dialled)->timeline() != 0 && (*dialled)->timeline() < timeline_) {
    failure = errors::StoreUnavailable(absl::StrCat("the server is on timeline ",
                                                    (*dialled)->timeline(), ", behind ", timeline_,
                                                    ": a failover has left it behind"));
  }
  if (failure.ok()) {
    timeline_ = same_cluster ? std::max(timeline_, (*dialled)->timeline()) : (*dialled)->timeline();
    system_id_ = (*dialled)->system_id();
    ever_connected_ = true;
    failure_ = absl::OkStatus();
    return dialled;
  }
  // What is wrong with the set-up was right once: it may be again.
  if (ever_connected_ && !absl::IsUnavailable(failure)) {
    failure = errors::StoreUnavailable(failure.message());
  }
  LengthenPauseLocked(failure);
  return failure;
}

void PostgresPool::Return(size_t slot) {
  std::vector<std::unique_ptr<PostgresConnection>> dropped;
  Slot& returned = slots_[slot];
  if (returned.connection != nullptr) returned.connection->Rollback();
  {
    MutexLock lock(&mu_);
    if (returned.connection != nullptr && returned.connection->broken()) {
      dropped.push_back(std::move(returned.connection));
      // The others were lost with it, as a rule: a restart, a failover.
      for (Slot& other : slots_) {
        if (!other.taken && other.connection != nullptr)
          dropped.push_back(std::move(other.connection));
      }
    }
    returned.taken = false;
    changed_.SignalAll();
  }
}

void PostgresPool::Close() {
  MutexLock lock(&mu_);
  closed_ = true;
  changed_.SignalAll();
  for (Slot& slot : slots_) {
    while (slot.taken) changed_.Wait(&mu_);
    slot.connection = nullptr;
  }
}

}  // namespace signalbox
