#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/timers.h"
#include "server/snapshot/snapshot_reader.h"
#include "server/xds/admission.h"
#include "server/xds/load_reports.h"
#include "server/xds/request_rate.h"
#include "server/xds/stream.h"
#include "server/xds/stream_quota.h"
#include "server/xds/wire.h"

namespace signalbox {

// What every stream of load reports shares. All of it outlives the streams.
struct LoadContext {
  const TypeRegistry* types = nullptr;
  SnapshotReader* snapshots = nullptr;
  LoadReports* reports = nullptr;
  Timers* timers = nullptr;
  StreamObserver* observer = nullptr;
  const Clock* clock = nullptr;
  StreamQuota* quota = nullptr;                 // null: as many streams as come
  absl::Duration interval = absl::Seconds(10);  // how often proxies are to report
};

// One proxy's stream of load reports (LRS, XDS section 1.8): it is told how often to report and of
// which clusters, and what it reports is added up. A client that cannot report whatever clusters it
// has is given their names, and again when they change. Used as a Stream is; safe from any thread.
class LoadStream : public TimerTarget, public std::enable_shared_from_this<LoadStream> {
 public:
  // `context` must outlive this object, `wire` must live until OnClosed returns.
  LoadStream(const LoadContext* context, Wire* wire);

  void Open() SB_EXCLUDES(mu_);
  // An error ends the stream with it:
  //   kInvalidArgument    the bytes are no LoadStatsRequest, or the first one has no node.id
  //   kResourceExhausted  a limit of server/xds/limits.h
  //   kUnavailable        no configuration is loaded yet
  void OnMessage(absl::string_view bytes) SB_EXCLUDES(mu_);
  void OnWriteDone(bool ok) SB_EXCLUDES(mu_);
  void OnReadsDone() SB_EXCLUDES(mu_);
  void OnClosed() SB_EXCLUDES(mu_);
  void Close(const absl::Status& status) SB_EXCLUDES(mu_);

  void OnTimer() override SB_EXCLUDES(mu_);

 private:
  absl::Status TakeLocked(absl::string_view bytes) SB_REQUIRES(mu_);
  // What to report, as bytes, where the client does not know it yet.
  std::optional<std::string> InstructionsLocked(const TypeSet& clusters) SB_REQUIRES(mu_);
  void PumpLocked() SB_REQUIRES(mu_);
  void FinishLocked(const absl::Status& status) SB_REQUIRES(mu_);

  const LoadContext* const context_;

  Mutex mu_;
  Wire* wire_ SB_GUARDED_BY(mu_);  // null once finished
  Admission admission_ SB_GUARDED_BY(mu_);
  RequestRate rate_ SB_GUARDED_BY(mu_);
  std::string node_id_ SB_GUARDED_BY(mu_);  // "" until the first request
  std::unique_ptr<LoadReports::Reporter> reporter_ SB_GUARDED_BY(mu_);
  bool reports_all_ SB_GUARDED_BY(mu_) = false;           // whatever clusters the client has
  std::optional<absl::uint128> told_ SB_GUARDED_BY(mu_);  // of the clusters that it was told
  std::optional<std::string> next_ SB_GUARDED_BY(mu_);    // to be written
  bool writing_ SB_GUARDED_BY(mu_) = false;
};

}  // namespace signalbox
