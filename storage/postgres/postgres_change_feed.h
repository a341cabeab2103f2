#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/random.h"
#include "storage/postgres/postgres_connection.h"

// For storage/postgres and its tests only: no other room includes this.
namespace signalbox {

// Says when it is worth looking at the head: after each NOTIFY of kPostgresChannel, heard on a
// connection of its own, and every `poll` besides, since a notification is only a hint and the
// connection may be cut without a word. One thread.
class PostgresChangeFeed {
 public:
  struct Options {
    PostgresConnection::Options listener;  // a direct connection: through a pooler none is heard
    absl::Duration poll = absl::Seconds(1);
    Random* random = nullptr;    // for the polls' jitter; must outlive the feed
    std::function<void()> look;  // called on the feed's thread; may block
  };

  // Starts; looks at once, after LISTEN where that is possible.
  explicit PostgresChangeFeed(const Options& options);
  // Stops, after the look under way.
  ~PostgresChangeFeed();
  PostgresChangeFeed(const PostgresChangeFeed&) = delete;
  PostgresChangeFeed& operator=(const PostgresChangeFeed&) = delete;

 private:
  void Run() SB_EXCLUDES(mu_);
  bool stopped() SB_EXCLUDES(mu_);
  // Listens, when it is time to try again.
  void Listen();
  // Waits for the next look.
  void Wait();
  absl::Duration NextPoll();

  const Options options_;
  const int wake_fd_;

  std::unique_ptr<PostgresConnection> listener_;  // the thread's own; null: none
  absl::Time next_try_ = absl::InfinitePast();    // the thread's own

  Mutex mu_;
  bool stopped_ SB_GUARDED_BY(mu_) = false;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace signalbox
