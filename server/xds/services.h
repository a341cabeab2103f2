#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/xds/session.h"

namespace signalbox {

// A discovery service of Envoy's API (XDS table 1.1). What it does not have is "".
struct DiscoveryService {
  absl::string_view name;          // "envoy.service.cluster.v3.ClusterDiscoveryService"
  absl::string_view message_name;  // of its resources; "" for any: the aggregated service
  absl::string_view sotw_method;   // "StreamClusters"
  absl::string_view delta_method;  // "DeltaClusters"
  absl::string_view fetch_method;  // "FetchClusters", which is served over HTTP at ...
  absl::string_view rest_path;     // ... "/v3/discovery:clusters"
};

// All of them: the one place to add one.
absl::Span<const DiscoveryService> DiscoveryServices();

// What a call of a discovery service's streaming method is.
struct DiscoveryMethod {
  Variant variant;
  // Of every request on the stream (XDS C1); "" where each request says it.
  std::string type_url;
};

// The method of a gRPC path, "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters";
// none for another path.
std::optional<DiscoveryMethod> FindDiscoveryMethod(absl::string_view path);

// Of the gRPC method by which proxies report their load (LRS).
inline constexpr absl::string_view kLoadStatsMethod =
    "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats";

// Why a path that is no streaming method of a discovery service is not served, for people.
std::string WhyNotServed(absl::string_view path);

}  // namespace signalbox
