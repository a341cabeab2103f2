#include "server/xds/load_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "envoy/service/load_stats/v3/lrs.pb.h"
#include "server/xds/limits.h"
#include "storage/model/resource.h"

namespace signalbox {
namespace {

using envoy::service::load_stats::v3::LoadStatsRequest;
using envoy::service::load_stats::v3::LoadStatsResponse;

constexpr absl::string_view kCluster = "cluster";
constexpr absl::string_view kReportsAll = "envoy.lrs.supports_send_all_clusters";

}  // namespace

LoadStream::LoadStream(const LoadContext* context, Wire* wire)
    : context_(context),
      wire_(wire),
      rate_(limits::kLoadReportsPerSecond, limits::kLoadReportBurst) {}

void LoadStream::Open() {
  MutexLock lock(&mu_);
  const absl::Status status = admission_.Open(context_->quota, context_->clock->Monotonic());
  if (!status.ok()) return FinishLocked(status);
  context_->timers->CallAt(admission_.first_request_by(), weak_from_this());
}

absl::Status LoadStream::TakeLocked(absl::string_view bytes) {
  if (!rate_.Take(context_->clock->Monotonic())) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", limits::kLoadReportsPerSecond, " load reports a second"));
  }
  if (bytes.size() > limits::kMaxLoadReportBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a load report is larger than ", limits::kMaxLoadReportBytes, " bytes"));
  }
  LoadStatsRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(
        "the message is not an envoy.service.load_stats.v3.LoadStatsRequest");
  }
  const SnapshotPtr snapshot =
      context_->snapshots->Current({std::string(kDefaultNamespace), std::string(kDefaultGroup)});
  if (snapshot == nullptr) return absl::UnavailableError("the configuration is not loaded yet");
  if (reporter_ == nullptr) {
    const auto& node = request.node();
    if (node.id().empty() || node.id().size() > limits::kMaxTokenBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("the first request of a stream must carry node.id, of at most ",
                       limits::kMaxTokenBytes, " bytes"));
    }
    SB_RETURN_IF_ERROR(admission_.Name(node.id()));
    node_id_ = node.id();
    reports_all_ = std::find(node.client_features().begin(), node.client_features().end(),
                             kReportsAll) != node.client_features().end();
    reporter_ = std::make_unique<LoadReports::Reporter>(context_->reports);
  }
  const TypeSet& clusters = *snapshot->types[context_->types->FindByShortName(kCluster)->index()];
  reporter_->Add(request, clusters);
  if (std::optional<std::string> instructions = InstructionsLocked(clusters))
    next_ = std::move(instructions);
  return absl::OkStatus();
}

std::optional<std::string> LoadStream::InstructionsLocked(const TypeSet& clusters) {
  const absl::uint128 of = reports_all_ ? 0 : clusters.hash();
  if (told_ == of) return std::nullopt;
  told_ = of;
  LoadStatsResponse response;
  if (reports_all_) {
    response.set_send_all_clusters(true);
  } else {
    clusters.ForEach([&](const FragmentPtr& cluster) { response.add_clusters(cluster->name()); });
  }
  const int64_t nanos = absl::ToInt64Nanoseconds(context_->interval);
  response.mutable_load_reporting_interval()->set_seconds(nanos / 1'000'000'000);
  response.mutable_load_reporting_interval()->set_nanos(
      static_cast<int32_t>(nanos % 1'000'000'000));
  return response.SerializeAsString();
}

void LoadStream::OnMessage(absl::string_view bytes) {
  MutexLock lock(&mu_);
  if (wire_ == nullptr) return;
  if (absl::Status status = TakeLocked(bytes); !status.ok()) {
    FinishLocked(status);
    return;
  }
  PumpLocked();
}

void LoadStream::PumpLocked() {
  if (writing_ || !next_.has_value()) return;
  writing_ = true;
  Response response;
  response.head = *std::exchange(next_, std::nullopt);
  wire_->Write(std::move(response));
}

void LoadStream::OnWriteDone(bool ok) {
  MutexLock lock(&mu_);
  writing_ = false;
  if (wire_ == nullptr || !ok) return;
  PumpLocked();
}

void LoadStream::OnReadsDone() { Close(absl::OkStatus()); }

void LoadStream::Close(const absl::Status& status) {
  MutexLock lock(&mu_);
  FinishLocked(status);
}

void LoadStream::OnClosed() {
  MutexLock lock(&mu_);
  wire_ = nullptr;
  reporter_ = nullptr;
  admission_.Leave();
}

void LoadStream::OnTimer() {
  MutexLock lock(&mu_);
  if (wire_ == nullptr || reporter_ != nullptr) return;
  const absl::Status status = admission_.CheckInTime(context_->clock->Monotonic());
  if (!status.ok()) FinishLocked(status);
}

void LoadStream::FinishLocked(const absl::Status& status) {
  if (wire_ == nullptr) return;
  if (!status.ok()) context_->observer->OnRefused(node_id_, status);
  std::exchange(wire_, nullptr)->Finish(status);
}

}  // namespace signalbox
