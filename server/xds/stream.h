#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/timers.h"
#include "server/fleet/fleet.h"
#include "server/snapshot/snapshot_reader.h"
#include "server/xds/admission.h"
#include "server/xds/node_memory.h"
#include "server/xds/request_rate.h"
#include "server/xds/session.h"
#include "server/xds/stream_quota.h"
#include "server/xds/wire.h"

namespace signalbox {

// Is told what happens on streams: for metrics and logs. Called with the stream's lock held: it
// must not call the stream and must be quick. Safe from any thread.
class StreamObserver {
 public:
  virtual ~StreamObserver() = default;

  // The first request named the node.
  virtual void OnConnected(const ClientInfo& client, Variant variant) = 0;
  virtual void OnDisconnected(const ClientInfo& client, Variant variant) = 0;
  virtual void OnWrite(const ClientInfo& client, const Response& response) = 0;
  virtual void OnEvent(const ClientInfo& client, const SessionEvent& event) = 0;
  // A stream is ended from this side with an error; of a node that has not said who it is the id is
  // "".
  virtual void OnRefused(absl::string_view node_id, const absl::Status& status) {}
};

// What every stream of a process shares. All of it outlives the streams.
struct StreamContext {
  SnapshotReader* snapshots = nullptr;
  Fleet* fleet = nullptr;
  NodeMemories* memories = nullptr;
  Timers* timers = nullptr;
  StreamObserver* observer = nullptr;
  const Clock* clock = nullptr;
  // How old a stream becomes, so that clients come to where there is room; more or less by a part
  // of it, from 0 to 1, drawn for each from `random`, so that they do not come all at once (XDS
  // C10).
  absl::Duration max_age = absl::InfiniteDuration();
  double age_jitter = 0;
  Random* random = nullptr;      // only where `max_age` is finite
  StreamQuota* quota = nullptr;  // null: as many streams as come
};

// One proxy's stream: a session, a lock, one write in flight and one timer. Forwards events to the
// session and writes what it says. Safe from any thread; owned jointly by its connection and
// whoever calls it at the moment.
class Stream : public SnapshotWatcher,
               public TimerTarget,
               public StatusSource,
               public RetryTarget,
               public std::enable_shared_from_this<Stream> {
 public:
  // `context` must outlive this object, `wire` must live until OnClosed returns.
  Stream(const StreamContext* context, std::unique_ptr<Session> session, Wire* wire);
  ~Stream() override;

  // Takes a place and sets a time for the first request. Once, before anything else; a stream that
  // gets no place is ended.
  void Open() SB_EXCLUDES(mu_);
  // A message came.
  void OnMessage(absl::string_view bytes) SB_EXCLUDES(mu_);
  // The last write has left, or failed (then the stream is about to close).
  void OnWriteDone(bool ok) SB_EXCLUDES(mu_);
  // The client sends no more: the stream ends.
  void OnReadsDone() SB_EXCLUDES(mu_);
  // The connection is gone; the wire is not used any more.
  void OnClosed() SB_EXCLUDES(mu_);
  // Ends the stream from this side, with `status`.
  void Close(const absl::Status& status) SB_EXCLUDES(mu_);

  void OnSnapshot(const SnapshotPtr& snapshot) override SB_EXCLUDES(mu_);
  void OnTimer() override SB_EXCLUDES(mu_);
  NodeStatus Status() const override SB_EXCLUDES(mu_);
  void OnRetry() override SB_EXCLUDES(mu_);

 private:
  // Reads the node, finds its group and what it should have.
  absl::Status IntroduceLocked(absl::Time now) SB_REQUIRES(mu_);
  // Writes what is due, reports what happened, sets the timer.
  void PumpLocked(absl::Time now) SB_REQUIRES(mu_);
  // Has it remembered what became refused, or is not any more.
  void NoteRefusalsLocked() SB_REQUIRES(mu_);
  void FinishLocked(const absl::Status& status) SB_REQUIRES(mu_);
  absl::Duration DrawAge() const;
  // Whether the stream is old enough to end: it has answered, so that its client comes back at once
  // (A57), and is not in the middle of a response.
  bool HasAgedLocked(absl::Time now) const SB_REQUIRES(mu_);
  NodeStatus StatusLocked() const SB_REQUIRES(mu_);
  // What is to be done once the stream has ended, without the lock.
  void Leave() SB_EXCLUDES(mu_);

  const StreamContext* const context_;

  mutable Mutex mu_;
  const std::unique_ptr<Session> session_ SB_PT_GUARDED_BY(mu_);
  Wire* wire_ SB_GUARDED_BY(mu_);  // null once finished
  Admission admission_ SB_GUARDED_BY(mu_);
  RequestRate rate_ SB_GUARDED_BY(mu_);
  NodeGroupName group_ SB_GUARDED_BY(mu_);
  NodeMemories::Seat seat_ SB_GUARDED_BY(mu_);
  SnapshotPtr newest_ SB_GUARDED_BY(mu_);  // that the session was told
  absl::Time connected_ SB_GUARDED_BY(mu_);
  // Calls of OnTimer that are arranged, each earlier than all that were arranged before it.
  std::set<absl::Time> calls_ SB_GUARDED_BY(mu_);
  absl::Time ends_ SB_GUARDED_BY(mu_) = absl::InfiniteFuture();  // by age
  bool writing_ SB_GUARDED_BY(mu_) = false;
  bool answered_ SB_GUARDED_BY(mu_) = false;  // a response has left
  bool introduced_ SB_GUARDED_BY(mu_) = false;
  bool left_ SB_GUARDED_BY(mu_) = false;
};

}  // namespace signalbox
