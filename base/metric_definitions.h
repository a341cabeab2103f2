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
};

inline constexpr Definition kNodes = {Definition::Kind::kGauge, "signalbox_nodes", "Nodes by state",
                                      "state"};
inline constexpr Definition kHeldNodes = {
    Definition::Kind::kGauge, "signalbox_held_nodes",
    "Nodes at which something of a resource type is held back until others are ready or let go",
    "type"};
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
