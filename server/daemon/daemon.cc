#include "server/daemon/daemon.h"

#include <unistd.h>

#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/metric_definitions.h"
#include "base/metrics.h"
#include "base/process_metrics.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/timers.h"
#include "base/version.h"
#include "server/admin/config.h"
#include "server/admin/grpc_service.h"
#include "server/admin/nodes.h"
#include "server/admin/revisions.h"
#include "server/admin/snapshot_judge.h"
#include "server/admin/system.h"
#include "server/daemon/admin_server.h"
#include "server/daemon/open_store.h"
#include "server/daemon/stream_quarantines.h"
#include "server/daemon/telemetry.h"
#include "server/descriptors/descriptors.h"
#include "server/fleet/fleet.h"
#include "server/http/http_server.h"
#include "server/http/rest_discovery.h"
#include "server/jobs/audit_follower.h"
#include "server/jobs/quarantine_keeper.h"
#include "server/jobs/witness_keeper.h"
#include "server/publish/publisher.h"
#include "server/snapshot/snapshot_builder.h"
#include "server/snapshot/snapshot_cache.h"
#include "server/types/references.h"
#include "server/types/registry.h"
#include "server/xds/grpc/certificate.h"
#include "server/xds/grpc/proxy_services.h"
#include "server/xds/grpc/xds_server.h"
#include "server/xds/load_reports.h"
#include "server/xds/load_stream.h"
#include "storage/slow_queries.h"

namespace signalbox {
namespace {

// Keys lie there; nobody else reads them.
constexpr int kStateMode = 0700;
// How long calls under way may take at the end.
constexpr absl::Duration kAdminGrace = absl::Seconds(2);
// A loop that has not come round for this long is stuck: it polls every second.
constexpr absl::Duration kStuck = absl::Seconds(30);

// How an Apply ended, as signalbox_applies_total counts it.
absl::string_view ResultOf(const absl::StatusOr<admin::v1::ApplyResponse>& result) {
  if (!result.ok()) {
    switch (result.status().code()) {
      case absl::StatusCode::kInvalidArgument:
        return "invalid";
      case absl::StatusCode::kNotFound:
        return "not_found";
      case absl::StatusCode::kAborted:
      case absl::StatusCode::kFailedPrecondition:
        return "conflict";
      default:
        return "failed";
    }
  }
  switch (result->outcome()) {
    case admin::v1::ApplyResponse::UNCHANGED:
      return "unchanged";
    case admin::v1::ApplyResponse::REPEATED:
      return "repeated";
    case admin::v1::ApplyResponse::VALIDATED:
      return "validated";
    default:
      return "committed";
  }
}

// Logs how writing `what` goes on; `meanwhile` says what follows while it cannot be written.
std::function<void(const absl::Status&)> ReportOf(std::string what, std::string meanwhile) {
  return [what = std::move(what), meanwhile = std::move(meanwhile)](const absl::Status& status) {
    if (status.ok()) {
      log::Info("written again", {{"what", what}});
    } else {
      log::Error("cannot be written",
                 {{"what", what}, {"error", status.message()}, {"meanwhile", meanwhile}});
    }
  };
}

}  // namespace

// In the order in which each needs those before it.
struct Daemon::Parts {
  SystemClock clock;
  SystemRandom random;
  MetricRegistry metrics;
  absl::Time started;
  std::unique_ptr<Descriptors> descriptors;
  TypeRegistry types;
  std::optional<References> references;
  std::optional<SnapshotBuilder> builder;
  std::optional<SlowQueries> slow_queries;
  Stores stores;
  ResourceStore* store = nullptr;  // of `stores`
  std::optional<Telemetry> telemetry;
  std::optional<Fleet> fleet;
  SnapshotCache snapshots;
  DiffCache diffs;
  TypeSetInterner sets;
  NameSetInterner names;
  NodeMemories memories;
  std::optional<StreamQuarantines> quarantines;
  std::optional<QuarantineKeeper> quarantine_keeper;
  std::optional<ThreadTimers> timers;
  std::optional<Publisher> publisher;
  std::optional<AuditFollower> audit_follower;
  std::optional<WitnessKeeper> witness_keeper;  // none where nothing survives
  StreamQuota stream_quota;
  SessionContext sessions;
  StreamContext streams;
  LoadReports load_reports;
  LoadContext loads;
  std::optional<ProxyServices> proxy_services;
  std::shared_ptr<ServerCertificate> xds_certificate;  // none in plaintext
  std::unique_ptr<XdsServer> xds_server;
  std::optional<RestDiscovery> rest;
  std::unique_ptr<HttpServer> http_server;
  std::optional<ConfigHandler> config;
  std::optional<RevisionsHandler> revisions;
  std::optional<NodesHandler> nodes;
  std::optional<SystemHandler> system;
  PeerUsers users;
  std::optional<AdminServices> admin_services;
  std::unique_ptr<AdminServer> admin_server;
  std::string admin_socket;
  std::vector<std::unique_ptr<MetricRegistry::Registration>> collectors;
};

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const options::Settings& settings) {
  auto parts = std::make_unique<Parts>();
  Parts& p = *parts;
  const NodeGroupName group{std::string(kDefaultNamespace), std::string(kDefaultGroup)};
  p.started = p.clock.Now();
  if (!settings.state_dir.empty())
    SB_RETURN_IF_ERROR(MakeDirectories(settings.state_dir, kStateMode));
  SB_ASSIGN_OR_RETURN(p.descriptors, Descriptors::Create());
  p.references.emplace(p.descriptors.get());
  p.builder.emplace(&p.types, &*p.references,
                    settings.references == options::Settings::DanglingReferences::kWarn
                        ? DanglingReferences::kWarn
                        : DanglingReferences::kRefuse);
  p.slow_queries.emplace(settings.store.slow_query);
  SB_ASSIGN_OR_RETURN(p.stores, OpenStores(settings, &*p.slow_queries, &p.clock, &p.random));
  p.store = p.stores.resources.get();
  const StoreInfo store_info = p.store->Info();
  log::Info("store open", {{"store", store_info.driver},
                           {"version", store_info.library_version},
                           {"location", store_info.location},
                           {"schema", store_info.schema_version}});
  p.telemetry.emplace(&p.metrics, &p.types, &p.clock);
  p.fleet.emplace(&p.clock);
  p.timers.emplace(&p.clock);
  p.publisher.emplace(group, p.store, &*p.builder, &p.snapshots, &*p.telemetry, &p.clock);
  SB_RETURN_IF_ERROR(p.publisher->Start());
  p.audit_follower.emplace(p.store, p.stores.audit.get(), &p.clock,
                           ReportOf("audit log", "changes go on without it for a while"),
                           AuditFollower::Bounds{});
  p.audit_follower->Start();
  if (!p.stores.witness_file.empty()) {
    p.witness_keeper.emplace(
        p.store, p.stores.witness_file, &p.clock,
        [&p](const Head& head) { return p.publisher->Follows(head); },
        ReportOf(p.stores.witness_file,
                 "a database that lost its newest changes may go unnoticed"));
  }

  p.quarantines.emplace(&p.memories, &*p.builder);
  p.quarantine_keeper.emplace(
      p.store, &*p.quarantines, [&p](const Head& head) { return p.publisher->Follows(head); },
      ReportOf("what nodes refused", "it is sent to them once more after a restart"));
  SB_RETURN_IF_ERROR(p.quarantine_keeper->Start());

  p.sessions.registry = &p.types;
  p.sessions.diffs = &p.diffs;
  p.sessions.sets = &p.sets;
  p.sessions.names = &p.names;
  p.sessions.server_id = absl::StrCat("signalbox ", kVersion);
  p.sessions.overrun_after = settings.overrun_after;
  p.sessions.warm_timeout = settings.warm_timeout;
  p.sessions.hold_max = settings.hold_max;
  p.sessions.removal_grace = settings.removal_grace;
  p.sessions.removal_grace_opaque = settings.removal_grace_opaque;
  p.sessions.listener_drain = settings.listener_drain;
  p.sessions.ack_deadline = settings.ack_deadline;
  p.streams = {&p.snapshots,
               &*p.fleet,
               &p.memories,
               &*p.timers,
               &*p.telemetry,
               &p.clock,
               settings.max_stream_age,
               settings.stream_age_jitter,
               &p.random,
               &p.stream_quota};
  p.loads = {&p.types,      &p.snapshots, &p.load_reports, &*p.timers,
             &*p.telemetry, &p.clock,     &p.stream_quota, settings.load_interval};
  p.proxy_services.emplace(&p.streams, &p.sessions, &p.loads, &p.random);
  if (!settings.xds_tls_cert.empty()) {
    SB_ASSIGN_OR_RETURN(p.xds_certificate,
                        ServerCertificate::Load({"xds.tls", settings.xds_tls_cert,
                                                 settings.xds_tls_key, settings.xds_tls_client_ca},
                                                &*p.timers, &p.clock));
  }
  SB_ASSIGN_OR_RETURN(p.xds_server,
                      XdsServer::Start(settings.xds_listen, &*p.proxy_services, p.xds_certificate));

  p.rest.emplace(p.descriptors.get(), &p.types, &p.snapshots, p.sessions.server_id);
  const auto live = [&p] {
    const absl::Duration silent = p.clock.Monotonic() - p.publisher->LastTick();
    if (silent < kStuck) return Health{};
    return Health{false,
                  {absl::StrCat("the publisher has not moved for ", absl::FormatDuration(silent))}};
  };
  // The first snapshot is loaded and the listeners are bound before this is asked for the first
  // time.
  const auto ready = [&p, group] {
    const SnapshotPtr snapshot = p.snapshots.Current(group);
    Health health{true, {absl::StrCat("revision ", snapshot->revision.number)}};
    const PublishState state = p.publisher->State();
    if (!state.problem.ok()) {
      health.lines.push_back(
          absl::StrCat("degraded since ",
                       absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", state.since, absl::UTCTimeZone()),
                       ": ", state.problem.message()));
    }
    return health;
  };
  SB_ASSIGN_OR_RETURN(p.http_server,
                      HttpServer::Start(settings.http_listen,
                                        {live, ready, [&p] { return p.metrics.Serialize(); },
                                         [&p](absl::string_view path, absl::string_view body) {
                                           RestDiscovery::Answer answer = p.rest->Post(path, body);
                                           p.telemetry->OnRestAnswer(answer.status);
                                           return answer;
                                         }}));

  const FleetView fleet{[&p] { return p.fleet->List(); },
                        [&p, group] { return p.snapshots.Current(group)->revision; },
                        [&p] { return p.publisher->State().problem; }};
  const auto resource_counts = [&p, group] {
    std::map<std::string, int> counts;
    const SnapshotPtr snapshot = p.snapshots.Current(group);
    for (const ResourceType* type : p.types.in_push_order()) {
      counts[std::string(type->short_name())] =
          static_cast<int>(snapshot->types[type->index()]->size());
    }
    return counts;
  };
  p.config.emplace(
      p.store, p.descriptors.get(),
      [&p, by_snapshot = JudgeBySnapshot(&*p.builder, &p.snapshots, group,
                                         p.store)]() -> absl::StatusOr<Judging> {
        const PublishState state = p.publisher->State();
        if (state.unadopted) return state.problem;
        return by_snapshot();
      },
      [&p] { return p.audit_follower->Admit(); },
      [&p](const admin::v1::ApplyRequest& request, const Caller& caller,
           const absl::StatusOr<admin::v1::ApplyResponse>& result) {
        const absl::StatusOr<Revision> revision =
            result.ok() ? absl::StatusOr<Revision>(Revision{result->revision()})
                        : absl::StatusOr<Revision>(result.status());
        p.telemetry->OnApplied(caller.author, request.request_id(), request.message(),
                               ResultOf(result), revision);
      },
      [&p](const AuditEvent& event) { return p.stores.audit->Append(event); });
  p.revisions.emplace(p.store);
  p.nodes.emplace(fleet);
  p.system.emplace(DaemonFacts{kVersion, p.started, ::getpid(), p.xds_server->address(),
                               p.http_server->address()},
                   p.store, fleet, resource_counts, p.stores.standbys);
  p.admin_services.emplace(
      &*p.config, &*p.revisions, &*p.nodes, &*p.system,
      [&p](const grpc::ServerContext& context) { return Caller{p.users.NameOf(context.peer())}; });
  SB_ASSIGN_OR_RETURN(p.admin_server,
                      AdminServer::Start(settings.admin_socket, &*p.admin_services, &p.users));
  p.admin_socket = settings.admin_socket;

  p.metrics.GaugeOf(metrics::kBuildInfo, kVersion).Set(1);
  p.collectors.push_back(p.metrics.AddCollector(CollectProcessMetrics));
  p.collectors.push_back(p.metrics.AddCollector([&p](Samples* samples) {
    std::map<NodeState, int> states;
    std::map<std::string, int> held;
    for (const ResourceType* type : p.types.in_push_order())
      held[std::string(type->short_name())] = 0;
    for (const NodeStatus& node : p.fleet->List()) {
      ++states[node.state];
      for (const NodeTypeStatus& type : node.types)
        held[type.type] += type.state == NodeState::kHeld ? 1 : 0;
    }
    for (const auto& [type, nodes] : held) samples->Set(metrics::kHeldNodes, type, nodes);
    samples->Set(metrics::kQuarantinedNodes, "", static_cast<double>(p.memories.CountRefusing()));
    for (const NodeState state :
         {NodeState::kSynced, NodeState::kPending, NodeState::kWarming, NodeState::kStale,
          NodeState::kNack, NodeState::kHeld, NodeState::kIdle, NodeState::kGone}) {
      samples->Set(metrics::kNodes, NodeStateName(state), states[state]);
    }
    const PublishState state = p.publisher->State();
    if (p.xds_certificate != nullptr) {
      samples->Set(metrics::kTlsCertificateExpiry, "xds",
                   static_cast<double>(absl::ToUnixSeconds(p.xds_certificate->current()->expires)));
    }
    samples->Set(metrics::kLoadStreams, p.load_reports.reporters());
    samples->Set(metrics::kLoadReports, p.load_reports.reports());
    for (const LoadReports::Row& row : p.load_reports.Rows()) {
      samples->Set(metrics::kLoadIssued, row.cluster, row.locality, row.load.issued);
      samples->Set(metrics::kLoadSuccessful, row.cluster, row.locality, row.load.successful);
      samples->Set(metrics::kLoadFailed, row.cluster, row.locality, row.load.failed);
      samples->Set(metrics::kLoadInProgress, row.cluster, row.locality, row.load.in_progress);
    }
    for (const auto& [cluster, dropped] : p.load_reports.Dropped())
      samples->Set(metrics::kLoadDropped, cluster, dropped);
    samples->Set(metrics::kStoreUnfollowed, "", state.problem.ok() ? 0 : 1);
    samples->Set(metrics::kStoreUnadopted, "", state.unadopted ? 1 : 0);
    const absl::StatusOr<int64_t> bytes = p.store->SizeBytes();
    if (bytes.ok()) samples->Set(metrics::kStoreSizeBytes, "config", static_cast<double>(*bytes));
  }));
  log::Info("serving", {{"version", kVersion},
                        {"xds", p.xds_server->address()},
                        {"http", p.http_server->address()},
                        {"admin", p.admin_socket},
                        {"pid", ::getpid()}});
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

Daemon::~Daemon() {
  Parts& p = *parts_;
  // No new changes, then no proxies, then nothing that reads the store.
  p.admin_server->Stop(kAdminGrace);
  p.collectors.clear();
  p.http_server.reset();
  p.xds_server->Stop(absl::ZeroDuration());
  p.quarantine_keeper.reset();
  p.store->Close();
  p.witness_keeper.reset();
  p.audit_follower.reset();
  p.publisher.reset();
  log::Info("stopped");
}

void Daemon::Reload(const options::Settings& settings) {
  parts_->slow_queries->SetThreshold(settings.store.slow_query);
  // What is wrong with it was logged, and the one in use stays.
  if (parts_->xds_certificate != nullptr) parts_->xds_certificate->Reload().IgnoreError();
}

const std::string& Daemon::xds_address() const { return parts_->xds_server->address(); }
const std::string& Daemon::http_address() const { return parts_->http_server->address(); }
const std::string& Daemon::admin_socket() const { return parts_->admin_socket; }

}  // namespace signalbox
