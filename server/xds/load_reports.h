#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "base/mutex.h"
#include "server/snapshot/type_set.h"

namespace envoy::service::load_stats::v3 {
class LoadStatsRequest;
}

namespace signalbox {

// What proxies say of the load that they send to clusters, summed over all proxies by cluster and
// locality. What it holds is bounded (limits::kMaxLoadRows): clusters that are not served, and what
// does not fit, are counted as kOther. Safe from any thread; calls nobody while locked.
class LoadReports {
 public:
  // The cluster or the locality of what has no row of its own.
  static constexpr char kOther[] = "other";

  // Sums since this object was made, but for what is in progress.
  struct Load {
    double issued = 0;
    double successful = 0;
    double failed = 0;
    double in_progress = 0;
  };
  struct Row {
    std::string cluster;
    std::string locality;  // "region/zone/sub_zone", or less of it; "" where none is said
    Load load;
  };

  // One proxy's stream of reports; must not outlive the reports. Not synchronised.
  class Reporter {
   public:
    explicit Reporter(LoadReports* reports);
    // What it had in progress is not in progress any more.
    ~Reporter();
    Reporter(const Reporter&) = delete;
    Reporter& operator=(const Reporter&) = delete;

    // Adds one report. `clusters` are those that are served.
    void Add(const envoy::service::load_stats::v3::LoadStatsRequest& report,
             const TypeSet& clusters);

   private:
    friend class LoadReports;
    LoadReports* const reports_;
    std::map<std::pair<std::string, std::string>, double> in_progress_;  // by row
  };

  // Sorted by cluster and locality.
  std::vector<Row> Rows() const SB_EXCLUDES(mu_);
  // Requests that proxies dropped instead of sending them, by cluster.
  std::map<std::string, double> Dropped() const SB_EXCLUDES(mu_);
  // Open streams of reports, and reports so far.
  int reporters() const SB_EXCLUDES(mu_);
  double reports() const SB_EXCLUDES(mu_);

 private:
  using Key = std::pair<std::string, std::string>;  // cluster, locality

  // The row that a report's cluster and locality are counted in; there it is made.
  Key RowForLocked(const std::string& cluster, const std::string& locality, const TypeSet& clusters)
      SB_REQUIRES(mu_);
  bool MakeRowLocked(const Key& key, const TypeSet& clusters) SB_REQUIRES(mu_);

  mutable Mutex mu_;
  std::map<Key, Load> rows_ SB_GUARDED_BY(mu_);
  std::map<std::string, double> dropped_ SB_GUARDED_BY(mu_);
  std::map<std::string, int> localities_ SB_GUARDED_BY(mu_);  // rows by cluster
  absl::uint128 swept_for_ SB_GUARDED_BY(mu_) = 0;  // the clusters when rows were last taken out
  int reporters_ SB_GUARDED_BY(mu_) = 0;
  double reports_ SB_GUARDED_BY(mu_) = 0;
};

}  // namespace signalbox
