#include "server/daemon/telemetry.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "base/metric_definitions.h"

namespace signalbox {
namespace {

// A fleet that refuses the same thing in the same words says so once in this time.
constexpr absl::Duration kRepeatedLogInterval = absl::Minutes(1);
// Different refusals that are told apart; beyond it the list begins anew, and some lines repeat
// early.
constexpr size_t kFingerprints = 1000;

}  // namespace

Telemetry::Telemetry(MetricRegistry* metrics, const TypeRegistry* types, const Clock* clock)
    : metrics_(metrics),
      types_(types),
      clock_(clock),
      sotw_streams_(metrics->GaugeOf(metrics::kStreams, VariantName(Variant::kSotw))),
      delta_streams_(metrics->GaugeOf(metrics::kStreams, VariantName(Variant::kDelta))),
      revision_(metrics->GaugeOf(metrics::kRevision)),
      build_seconds_(metrics->HistogramOf(metrics::kBuildSeconds)),
      forks_(metrics->CounterOf(metrics::kStoreForks)) {
  for (const ResourceType* type : types_->in_push_order()) {
    const absl::string_view name = type->short_name();
    counters_.push_back({metrics->CounterOf(metrics::kResponses, name),
                         metrics->CounterOf(metrics::kResponseBytes, name),
                         metrics->CounterOf(metrics::kResponseResources, name),
                         metrics->CounterOf(metrics::kAcks, name),
                         metrics->CounterOf(metrics::kNacks, name)});
    resources_.push_back(metrics->GaugeOf(metrics::kResources, name));
  }
}

void Telemetry::OnConnected(const ClientInfo& client, Variant variant) {
  StreamsOf(variant).Add(1);
  log::Info("node connected", {{"node", client.node_id},
                               {"cluster", client.cluster},
                               {"client", client.agent},
                               {"variant", VariantName(variant)}});
}

void Telemetry::OnDisconnected(const ClientInfo& client, Variant variant) {
  StreamsOf(variant).Add(-1);
  log::Info("node disconnected", {{"node", client.node_id}, {"variant", VariantName(variant)}});
}

void Telemetry::OnWrite(const ClientInfo& client, const Response& response) {
  TypeCounters& counters = counters_[response.type->index()];
  counters.responses.Add();
  counters.response_bytes.Add(static_cast<double>(response.ByteSize()));
  counters.response_resources.Add(static_cast<double>(response.resource_count));
}

void Telemetry::OnEvent(const ClientInfo& client, const SessionEvent& event) {
  const absl::string_view type = event.type->short_name();
  const std::string names = absl::StrJoin(event.names, ",");
  switch (event.kind) {
    case SessionEvent::Kind::kAck:
      counters_[event.type->index()].acks.Add();
      log::Debug("acknowledged", {{"node", client.node_id},
                                  {"type", type},
                                  {"revision", event.revision.number},
                                  {"elapsed", event.elapsed}});
      return;
    case SessionEvent::Kind::kNack:
      counters_[event.type->index()].nacks.Add();
      LogNack(client, event);
      return;
    case SessionEvent::Kind::kConvicted:
      log::Warning("refused resource found", {{"node", client.node_id},
                                              {"type", type},
                                              {"resources", names},
                                              {"revision", event.revision.number},
                                              {"error", event.text}});
      return;
    case SessionEvent::Kind::kReleased:
      log::Warning("sent without waiting longer", {{"node", client.node_id},
                                                   {"type", type},
                                                   {"resources", names},
                                                   {"waited_for", event.text},
                                                   {"waited", event.elapsed}});
      return;
    case SessionEvent::Kind::kOversized:
      log::Warning(
          "a resource is larger than what receivers take by default",
          {{"node", client.node_id}, {"type", type}, {"resources", names}, {"size", event.text}});
      return;
    case SessionEvent::Kind::kWithheld:
      log::Warning("a type is withheld",
                   {{"node", client.node_id}, {"type", type}, {"reason", event.text}});
      return;
  }
}

void Telemetry::LogNack(const ClientInfo& client, const SessionEvent& event) {
  const absl::string_view type = event.type->short_name();
  const std::optional<int> suppressed = TakeRepeated(absl::StrCat(type, "\n", event.text));
  if (!suppressed.has_value()) return;
  log::Warning("refused by the proxy", {{"node", client.node_id},
                                        {"client", client.agent},
                                        {"type", type},
                                        {"resources", absl::StrJoin(event.names, ",")},
                                        {"revision", event.revision.number},
                                        {"error", event.text},
                                        {"like_it_since", *suppressed}});
}

void Telemetry::OnRefused(absl::string_view node_id, const absl::Status& status) {
  const std::string code = absl::StatusCodeToString(status.code());
  metrics_->CounterOf(metrics::kStreamsRefused, code).Add();
  const std::optional<int> suppressed = TakeRepeated(absl::StrCat(code, "\n", node_id));
  if (!suppressed.has_value()) return;
  log::Warning("stream refused",
               {{"node", node_id}, {"error", status}, {"like_it_since", *suppressed}});
}

std::optional<int> Telemetry::TakeRepeated(const std::string& fingerprint) {
  MutexLock lock(&mu_);
  const absl::Time now = clock_->Monotonic();
  if (repeated_.size() >= kFingerprints) repeated_.clear();
  const auto [entry, is_new] = repeated_.try_emplace(fingerprint, Repeated{now});
  if (is_new) return 0;
  if (now - entry->second.logged < kRepeatedLogInterval) {
    ++entry->second.suppressed;
    return std::nullopt;
  }
  const int suppressed = entry->second.suppressed;
  entry->second = {now};
  return suppressed;
}

void Telemetry::OnRestAnswer(int status) {
  metrics_->CounterOf(metrics::kRestAnswers, absl::StrCat(status)).Add();
}

void Telemetry::OnApplied(absl::string_view author, absl::string_view request_id,
                          absl::string_view message, absl::string_view result,
                          const absl::StatusOr<Revision>& revision) {
  metrics_->CounterOf(metrics::kApplies, result).Add();
  if (revision.ok()) {
    log::Info("applied", {{"result", result},
                          {"revision", revision->number},
                          {"author", author},
                          {"apply_message", message},
                          {"request_id", request_id}});
  } else {
    log::Info("apply refused", {{"result", result},
                                {"author", author},
                                {"error", revision.status()},
                                {"request_id", request_id}});
  }
}

void Telemetry::OnPublished(const Snapshot& snapshot, absl::Duration took) {
  revision_.Set(static_cast<double>(snapshot.revision.number));
  for (size_t i = 0; i < resources_.size(); ++i)
    resources_[i].Set(static_cast<double>(snapshot.types[i]->size()));
  build_seconds_.Observe(absl::ToDoubleSeconds(took));
  log::Info("published", {{"revision", snapshot.revision.number}, {"took", took}});
}

void Telemetry::OnPublishStatus(const absl::Status& status) {
  if (status.ok()) {
    log::Info("can publish again");
  } else {
    log::Error("cannot publish; what is served stays", {{"error", status}});
  }
}

void Telemetry::OnHistoryReplaced(const Head& before, const Head& now, Replaced how) {
  const auto say = how == Replaced::kAdopted ? log::Warning : log::Error;
  if (how == Replaced::kFork) forks_.Add();
  say(how == Replaced::kAdopted
          ? "the database was adopted or restored; what is served follows it"
          : "the database has another history; what is served follows it, and changes may be lost",
      {{"served_revision", before.revision.number},
       {"served_digest", before.digest.Hex()},
       {"found_revision", now.revision.number},
       {"found_digest", now.digest.Hex()},
       {"found_epoch", absl::StrCat(absl::Hex(now.epoch))}});
}

}  // namespace signalbox
