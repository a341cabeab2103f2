#include "server/descriptors/kinds.h"

namespace signalbox {
namespace {

constexpr Kind kKinds[] = {
    {"cluster", "envoy.config.cluster.v3.Cluster", "name"},
    {"endpoints", "envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name"},
    {"extension-config", "envoy.config.core.v3.TypedExtensionConfig", "name"},
    {"lb-endpoint", "envoy.config.endpoint.v3.LbEndpoint", ""},
    {"listener", "envoy.config.listener.v3.Listener", "name"},
    {"route", "envoy.config.route.v3.RouteConfiguration", "name"},
    {"runtime", "envoy.service.runtime.v3.Runtime", "name"},
    {"scoped-route", "envoy.config.route.v3.ScopedRouteConfiguration", "name"},
    {"secret", "envoy.extensions.transport_sockets.tls.v3.Secret", "name", true},
    {"virtual-host", "envoy.config.route.v3.VirtualHost", "name"},
};

}  // namespace

absl::Span<const Kind> Kinds() { return kKinds; }

std::vector<std::string> KindNames() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

const Kind* FindKind(absl::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

}  // namespace signalbox
