#include "server/xds/load_reports.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "envoy/service/load_stats/v3/lrs.pb.h"
#include "server/xds/limits.h"

namespace signalbox {
namespace {

// Nobody has more in progress; larger numbers would swallow the others' when summed.
constexpr double kMostInProgress = 1e12;

std::string TextOf(const envoy::config::core::v3::Locality& locality) {
  std::string text =
      absl::StrCat(locality.region(), "/", locality.zone(), "/", locality.sub_zone());
  while (!text.empty() && text.back() == '/') text.pop_back();
  return text;
}

}  // namespace

LoadReports::Reporter::Reporter(LoadReports* reports) : reports_(reports) {
  MutexLock lock(&reports_->mu_);
  ++reports_->reporters_;
}

LoadReports::Reporter::~Reporter() {
  MutexLock lock(&reports_->mu_);
  --reports_->reporters_;
  for (const auto& [key, value] : in_progress_) {
    const auto row = reports_->rows_.find(key);
    if (row != reports_->rows_.end()) row->second.in_progress -= value;
  }
}

void LoadReports::Reporter::Add(const envoy::service::load_stats::v3::LoadStatsRequest& report,
                                const TypeSet& clusters) {
  LoadReports& to = *reports_;
  MutexLock lock(&to.mu_);
  to.reports_ += 1;
  // What is not said to be in progress any more is not, in the clusters that are reported.
  std::map<Key, double> in_progress;
  std::set<std::string> reported;
  for (const auto& stats : report.cluster_stats()) {
    const std::string& cluster = stats.cluster_name();
    if (stats.total_dropped_requests() > 0) {
      const bool own = clusters.Contains(cluster) && cluster.size() <= limits::kMaxLoadLabelBytes &&
                       (to.dropped_.contains(cluster) || to.dropped_.size() < limits::kMaxLoadRows);
      to.dropped_[own ? cluster : kOther] += static_cast<double>(stats.total_dropped_requests());
    }
    for (const auto& locality : stats.upstream_locality_stats()) {
      const Key key = to.RowForLocked(cluster, TextOf(locality.locality()), clusters);
      Load& load = to.rows_[key];
      load.issued += static_cast<double>(locality.total_issued_requests());
      load.successful += static_cast<double>(locality.total_successful_requests());
      load.failed += static_cast<double>(locality.total_error_requests());
      in_progress[key] +=
          std::min(static_cast<double>(locality.total_requests_in_progress()), kMostInProgress);
      reported.insert(key.first);
    }
  }
  for (auto it = in_progress_.begin(); it != in_progress_.end();) {
    if (!reported.contains(it->first.first)) {
      ++it;
      continue;
    }
    const auto row = to.rows_.find(it->first);
    if (row != to.rows_.end()) row->second.in_progress -= it->second;
    it = in_progress_.erase(it);
  }
  for (const auto& [key, value] : in_progress) {
    if (value == 0) continue;
    to.rows_[key].in_progress += value;
    in_progress_[key] += value;
  }
}

LoadReports::Key LoadReports::RowForLocked(const std::string& cluster, const std::string& locality,
                                           const TypeSet& clusters) {
  const bool fits =
      locality.size() <= limits::kMaxLoadLabelBytes && cluster.size() <= limits::kMaxLoadLabelBytes;
  if (clusters.Contains(cluster)) {
    Key key{cluster, locality};
    if (fits && MakeRowLocked(key, clusters)) return key;
    key.second = kOther;
    if (cluster.size() <= limits::kMaxLoadLabelBytes && MakeRowLocked(key, clusters)) return key;
  }
  // The one row that may be beyond the limit.
  Key other{kOther, ""};
  rows_.try_emplace(other);
  return other;
}

bool LoadReports::MakeRowLocked(const Key& key, const TypeSet& clusters) {
  if (rows_.contains(key)) return true;
  const auto localities = localities_.find(key.first);
  if (localities != localities_.end() && localities->second >= limits::kMaxLoadLocalities &&
      key.second != kOther) {
    return false;
  }
  if (rows_.size() >= limits::kMaxLoadRows && swept_for_ != clusters.hash()) {
    // Those of clusters that are gone make room.
    swept_for_ = clusters.hash();
    std::erase_if(rows_, [&](const auto& row) { return !clusters.Contains(row.first.first); });
    std::erase_if(dropped_, [&](const auto& row) { return !clusters.Contains(row.first); });
    std::erase_if(localities_, [&](const auto& row) { return !clusters.Contains(row.first); });
  }
  if (rows_.size() >= limits::kMaxLoadRows) return false;
  rows_.try_emplace(key);
  ++localities_[key.first];
  return true;
}

std::vector<LoadReports::Row> LoadReports::Rows() const {
  std::vector<Row> rows;
  MutexLock lock(&mu_);
  for (const auto& [key, load] : rows_) {
    rows.push_back({key.first, key.second, load});
    // Of a row that was taken out and came back what was in progress before is not known.
    rows.back().load.in_progress = std::max(load.in_progress, 0.0);
  }
  return rows;
}

std::map<std::string, double> LoadReports::Dropped() const {
  MutexLock lock(&mu_);
  return dropped_;
}

int LoadReports::reporters() const {
  MutexLock lock(&mu_);
  return reporters_;
}

double LoadReports::reports() const {
  MutexLock lock(&mu_);
  return reports_;
}

}  // namespace signalbox
