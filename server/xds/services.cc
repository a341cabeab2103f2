#include "server/xds/services.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/descriptors/kinds.h"

namespace signalbox {
namespace {

constexpr DiscoveryService kServices[] = {
    {.name = "envoy.service.discovery.v3.AggregatedDiscoveryService",
     .sotw_method = "StreamAggregatedResources",
     .delta_method = "DeltaAggregatedResources"},
    {.name = "envoy.service.listener.v3.ListenerDiscoveryService",
     .message_name = "envoy.config.listener.v3.Listener",
     .sotw_method = "StreamListeners",
     .delta_method = "DeltaListeners",
     .fetch_method = "FetchListeners",
     .rest_path = "/v3/discovery:listeners"},
    {.name = "envoy.service.route.v3.RouteDiscoveryService",
     .message_name = "envoy.config.route.v3.RouteConfiguration",
     .sotw_method = "StreamRoutes",
     .delta_method = "DeltaRoutes",
     .fetch_method = "FetchRoutes",
     .rest_path = "/v3/discovery:routes"},
    {.name = "envoy.service.route.v3.ScopedRoutesDiscoveryService",
     .message_name = "envoy.config.route.v3.ScopedRouteConfiguration",
     .sotw_method = "StreamScopedRoutes",
     .delta_method = "DeltaScopedRoutes",
     .fetch_method = "FetchScopedRoutes",
     .rest_path = "/v3/discovery:scoped-routes"},
    {.name = "envoy.service.route.v3.VirtualHostDiscoveryService",
     .message_name = "envoy.config.route.v3.VirtualHost",
     .delta_method = "DeltaVirtualHosts"},
    {.name = "envoy.service.cluster.v3.ClusterDiscoveryService",
     .message_name = "envoy.config.cluster.v3.Cluster",
     .sotw_method = "StreamClusters",
     .delta_method = "DeltaClusters",
     .fetch_method = "FetchClusters",
     .rest_path = "/v3/discovery:clusters"},
    {.name = "envoy.service.endpoint.v3.EndpointDiscoveryService",
     .message_name = "envoy.config.endpoint.v3.ClusterLoadAssignment",
     .sotw_method = "StreamEndpoints",
     .delta_method = "DeltaEndpoints",
     .fetch_method = "FetchEndpoints",
     .rest_path = "/v3/discovery:endpoints"},
    {.name = "envoy.service.endpoint.v3.LocalityEndpointDiscoveryService",
     .message_name = "envoy.config.endpoint.v3.LbEndpoint",
     .delta_method = "DeltaLocalityEndpoints"},
    {.name = "envoy.service.secret.v3.SecretDiscoveryService",
     .message_name = "envoy.extensions.transport_sockets.tls.v3.Secret",
     .sotw_method = "StreamSecrets",
     .delta_method = "DeltaSecrets",
     .fetch_method = "FetchSecrets",
     .rest_path = "/v3/discovery:secrets"},
    {.name = "envoy.service.runtime.v3.RuntimeDiscoveryService",
     .message_name = "envoy.service.runtime.v3.Runtime",
     .sotw_method = "StreamRuntime",
     .delta_method = "DeltaRuntime",
     .fetch_method = "FetchRuntime",
     .rest_path = "/v3/discovery:runtime"},
    {.name = "envoy.service.extension.v3.ExtensionConfigDiscoveryService",
     .message_name = "envoy.config.core.v3.TypedExtensionConfig",
     .sotw_method = "StreamExtensionConfigs",
     .delta_method = "DeltaExtensionConfigs",
     .fetch_method = "FetchExtensionConfigs",
     .rest_path = "/v3/discovery:extension_configs"},
};

constexpr absl::string_view kHealthDiscovery = "envoy.service.health.v3.HealthDiscoveryService";

// Calls `visit` with each service whose name `path` begins with and the method that follows; true
// when it was one of ours.
template <typename Visit>
bool VisitMethod(absl::string_view path, Visit&& visit) {
  if (!absl::ConsumePrefix(&path, "/")) return false;
  const size_t slash = path.find('/');
  if (slash == absl::string_view::npos) return false;
  for (const DiscoveryService& service : kServices) {
    if (path.substr(0, slash) != service.name) continue;
    visit(service, path.substr(slash + 1));
    return true;
  }
  return false;
}

}  // namespace

absl::Span<const DiscoveryService> DiscoveryServices() { return kServices; }

std::optional<DiscoveryMethod> FindDiscoveryMethod(absl::string_view path) {
  std::optional<DiscoveryMethod> found;
  VisitMethod(path, [&](const DiscoveryService& service, absl::string_view method) {
    if (method.empty()) return;
    const std::string type_url =
        service.message_name.empty() ? "" : absl::StrCat(kTypeUrlPrefix, service.message_name);
    if (method == service.sotw_method) found = {Variant::kSotw, type_url};
    if (method == service.delta_method) found = {Variant::kDelta, type_url};
  });
  return found;
}

std::string WhyNotServed(absl::string_view path) {
  std::string why;
  VisitMethod(path, [&](const DiscoveryService& service, absl::string_view method) {
    if (!method.empty() && method == service.fetch_method) {
      why = absl::StrCat(service.fetch_method, " is not served over gRPC; poll it over HTTP: POST ",
                         service.rest_path);
    }
  });
  if (!why.empty()) return why;
  if (absl::StartsWith(path, absl::StrCat("/", kHealthDiscovery, "/"))) {
    return "health discovery (HDS) is not served; let proxies check their endpoints themselves, "
           "with a cluster's health_checks";
  }
  return absl::StrCat("there is no method ", path, " here");
}

}  // namespace signalbox
