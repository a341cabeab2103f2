#pragma once

// Every metric there is: its name, what it says and its label. The one place to add one.
namespace signalbox::metrics {

struct Definition {
  enum class Kind { kCounter, kGauge, kHistogram };

  Kind kind;
  const char* name;
  const char* help;
  // "" when it has none.
  const char* label = "";
  // "" when it has none; with it only a collector sets the metric.
  const char* second_label = "";
};

inline constexpr Definition kNodes = {Definition::Kind::kGauge, "signalbox_nodes", "Nodes by state",
                                      "state"};
inline constexpr Definition kHeldNodes = {
    Definition::Kind::kGauge, "signalbox_held_nodes",
    "Nodes at which something of a resource type is held back until others are ready or let go",
    "type"};
inline constexpr Definition kQuarantinedNodes = {
    Definition::Kind::kGauge, "signalbox_quarantined_nodes",
    "Nodes, by id and client build, to which something is not sent since they refused it, "
    "connected "
    "or not"};
inline constexpr Definition kStreams = {Definition::Kind::kGauge, "signalbox_streams",
                                        "Open discovery streams by protocol variant", "variant"};
inline constexpr Definition kResponses = {Definition::Kind::kCounter, "signalbox_responses_total",
                                          "Discovery responses written, by resource type", "type"};
inline constexpr Definition kResponseBytes = {
    Definition::Kind::kCounter, "signalbox_response_bytes_total",
    "Bytes of the discovery responses written, by resource type", "type"};
inline constexpr Definition kResponseResources = {
    Definition::Kind::kCounter, "signalbox_response_resources_total",
    "Resources that discovery responses carried, by resource type", "type"};
inline constexpr Definition kAcks = {Definition::Kind::kCounter, "signalbox_acks_total",
                                     "Responses that a proxy accepted, by resource type", "type"};
inline constexpr Definition kNacks = {Definition::Kind::kCounter, "signalbox_nacks_total",
                                      "Responses that a proxy refused, by resource type", "type"};
inline constexpr Definition kStreamsRefused = {
    Definition::Kind::kCounter, "signalbox_streams_refused_total",
    "Streams of proxies that were ended for an error or a limit, by gRPC's code", "code"};
inline constexpr Definition kLoadStreams = {Definition::Kind::kGauge, "signalbox_load_streams",
                                            "Open streams of proxies that report their load"};
inline constexpr Definition kLoadReports = {
    Definition::Kind::kCounter, "signalbox_load_reports_total", "Load reports that proxies sent"};
inline constexpr Definition kLoadIssued = {
    Definition::Kind::kCounter, "signalbox_load_issued_requests_total",
    "Requests that proxies sent upstream, as they report", "cluster", "locality"};
inline constexpr Definition kLoadSuccessful = {
    Definition::Kind::kCounter, "signalbox_load_successful_requests_total",
    "Requests upstream that went well, as proxies report", "cluster", "locality"};
inline constexpr Definition kLoadFailed = {
    Definition::Kind::kCounter, "signalbox_load_failed_requests_total",
    "Requests upstream that failed, as proxies report", "cluster", "locality"};
inline constexpr Definition kLoadInProgress = {
    Definition::Kind::kGauge, "signalbox_load_requests_in_progress",
    "Requests upstream without an answer yet, as proxies reported last", "cluster", "locality"};
inline constexpr Definition kLoadDropped = {
    Definition::Kind::kCounter, "signalbox_load_dropped_requests_total",
    "Requests that proxies dropped instead of sending them upstream, as they report", "cluster"};
inline constexpr Definition kRestAnswers = {
    Definition::Kind::kCounter, "signalbox_rest_answers_total",
    "Answers to proxies that poll over HTTP, by status", "status"};
inline constexpr Definition kRevision = {Definition::Kind::kGauge, "signalbox_revision",
                                         "The revision that is being served"};
inline constexpr Definition kResources = {Definition::Kind::kGauge, "signalbox_resources",
                                          "Resources of the revision that is being served, by kind",
                                          "kind"};
inline constexpr Definition kApplies = {Definition::Kind::kCounter, "signalbox_applies_total",
                                        "Changes asked for, by how they ended", "result"};
inline constexpr Definition kBuildSeconds = {
    Definition::Kind::kHistogram, "signalbox_build_seconds", "How long building a snapshot took"};
inline constexpr Definition kStoreSizeBytes = {Definition::Kind::kGauge,
                                               "signalbox_store_size_bytes",
                                               "Bytes that the store occupies, by area", "area"};
inline constexpr Definition kStoreUnfollowed = {
    Definition::Kind::kGauge, "signalbox_store_unfollowed",
    "1 while what is served does not follow the database: it is away, damaged, or not adopted"};
inline constexpr Definition kStoreUnadopted = {
    Definition::Kind::kGauge, "signalbox_store_unadopted",
    "1 while the database is not the one that is served, and waits for `signalbox db adopt`"};
inline constexpr Definition kStoreForks = {
    Definition::Kind::kCounter, "signalbox_store_forks_total",
    "Times the database had another history than what was served, and was followed"};
inline constexpr Definition kTlsCertificateExpiry = {
    Definition::Kind::kGauge, "signalbox_tls_cert_expiry_timestamp_seconds",
    "When the certificate of a listener expires, since the epoch", "name"};
inline constexpr Definition kBuildInfo = {Definition::Kind::kGauge, "signalbox_build_info",
                                          "1; the label says which version runs", "version"};

// What every Prometheus client calls so.
inline constexpr Definition kProcessCpuSeconds = {Definition::Kind::kCounter,
                                                  "process_cpu_seconds_total",
                                                  "Processor time used, user and system"};
inline constexpr Definition kProcessResidentMemory = {Definition::Kind::kGauge,
                                                      "process_resident_memory_bytes",
                                                      "Memory in use that is not swapped out"};
inline constexpr Definition kProcessStartTime = {Definition::Kind::kGauge,
                                                 "process_start_time_seconds",
                                                 "When the process started, since the epoch"};
inline constexpr Definition kProcessOpenFds = {Definition::Kind::kGauge, "process_open_fds",
                                               "Open file descriptors"};
inline constexpr Definition kProcessMaxFds = {Definition::Kind::kGauge, "process_max_fds",
                                              "File descriptors that may be open"};

}  // namespace signalbox::metrics
