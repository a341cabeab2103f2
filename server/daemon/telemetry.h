#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "server/publish/publisher.h"
#include "server/types/registry.h"
#include "server/xds/stream.h"

namespace signalbox {

// Says in metrics and logs what streams and the publisher do: a line for each change of state, none
// for what goes well all the time. Safe from any thread.
class Telemetry : public StreamObserver, public PublishObserver {
 public:
  // All must outlive this object.
  Telemetry(MetricRegistry* metrics, const TypeRegistry* types, const Clock* clock);

  void OnConnected(const ClientInfo& client, Variant variant) override;
  void OnDisconnected(const ClientInfo& client, Variant variant) override;
  void OnWrite(const ClientInfo& client, const Response& response) override;
  void OnEvent(const ClientInfo& client, const SessionEvent& event) override SB_EXCLUDES(mu_);
  void OnRefused(absl::string_view node_id, const absl::Status& status) override SB_EXCLUDES(mu_);

  // A proxy that polls was answered with this status of HTTP.
  void OnRestAnswer(int status);
  // A change was asked for by `author`: how it ended, in the metric's words.
  void OnApplied(absl::string_view author, absl::string_view request_id, absl::string_view message,
                 absl::string_view result, const absl::StatusOr<Revision>& revision);

  void OnPublished(const Snapshot& snapshot, absl::Duration took) override;
  void OnPublishStatus(const absl::Status& status) override;
  void OnHistoryReplaced(const Head& before, const Head& now, Replaced how) override;

 private:
  struct TypeCounters {
    Counter responses;
    Counter response_bytes;
    Counter response_resources;
    Counter acks;
    Counter nacks;
  };
  struct Repeated {
    absl::Time logged;
    int suppressed = 0;  // lines left out since
  };

  Gauge& StreamsOf(Variant variant) {
    return variant == Variant::kDelta ? delta_streams_ : sotw_streams_;
  }
  void LogNack(const ClientInfo& client, const SessionEvent& event) SB_EXCLUDES(mu_);
  // Whether to log what has this fingerprint, and then how many like it were not since the last
  // time; none: it was logged a moment ago.
  std::optional<int> TakeRepeated(const std::string& fingerprint) SB_EXCLUDES(mu_);

  MetricRegistry* const metrics_;
  const TypeRegistry* const types_;
  const Clock* const clock_;

  std::vector<TypeCounters> counters_;  // by ResourceType::index()
  Gauge sotw_streams_;
  Gauge delta_streams_;
  Gauge revision_;
  std::vector<Gauge> resources_;  // by ResourceType::index()
  Histogram build_seconds_;
  Counter forks_;

  Mutex mu_;
  std::map<std::string, Repeated> repeated_ SB_GUARDED_BY(mu_);  // by fingerprint
};

}  // namespace signalbox
