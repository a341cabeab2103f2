#include "storage/postgres/postgres_change_feed.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "storage/postgres/limits.h"

namespace signalbox {
namespace {

constexpr Sql kListen = {"listen", "LISTEN signalbox_config"};

absl::Time Now() { return SystemClock().Monotonic(); }

}  // namespace

PostgresChangeFeed::PostgresChangeFeed(const Options& options)
    : options_(options), wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  SB_CHECK(wake_fd_ >= 0 && options.random != nullptr && options.look != nullptr);
  thread_ = std::thread([this] { Run(); });
}

PostgresChangeFeed::~PostgresChangeFeed() {
  {
    MutexLock lock(&mu_);
    stopped_ = true;
  }
  const uint64_t one = 1;
  SB_CHECK(::write(wake_fd_, &one, sizeof(one)) == sizeof(one));
  thread_.join();
  ::close(wake_fd_);
}

bool PostgresChangeFeed::stopped() {
  MutexLock lock(&mu_);
  return stopped_;
}

void PostgresChangeFeed::Run() {
  while (!stopped()) {
    Listen();
    options_.look();
    Wait();
  }
}

void PostgresChangeFeed::Listen() {
  if (listener_ != nullptr && listener_->broken()) listener_ = nullptr;
  if (listener_ != nullptr || Now() < next_try_) return;
  PostgresConnection::Options options = options_.listener;
  // The polls go on meanwhile, so none may be kept waiting for long.
  options.longest_dial = limits::kPostgresDialOthers;
  auto listener = PostgresConnection::Open(options);
  if (listener.ok()) {
    (*listener)->set_silence(limits::kPostgresDialOthers);
    if ((*listener)->Run(kListen).ok()) {
      listener_ = *std::move(listener);
      return;
    }
  }
  next_try_ = Now() + limits::kPostgresPauseAfterwards;
}

void PostgresChangeFeed::Wait() {
  const absl::Duration longest = NextPoll();
  if (listener_ != nullptr) {
    // What cut it is seen at the next Listen; the look between finds what was missed.
    if (!listener_->WaitForNotification(wake_fd_, longest).ok()) listener_ = nullptr;
    return;
  }
  pollfd wake = {.fd = wake_fd_, .events = POLLIN, .revents = 0};
  ::poll(&wake, 1, static_cast<int>(absl::ToInt64Milliseconds(longest)));
}

// Up to a fifth more or less, so that instances do not ask in step.
absl::Duration PostgresChangeFeed::NextPoll() {
  const double share =
      static_cast<double>(options_.random->Next() >> 11) / static_cast<double>(1ULL << 53);
  return options_.poll * (0.8 + 0.4 * share);
}

}  // namespace signalbox
