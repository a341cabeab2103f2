#include "server/descriptors/kinds.h"

namespace signalbox {
namespace {

constexpr Kind kKinds[] = {
    {"cluster", "envoy.config.cluster.v3.Cluster", "name"},
    {"endpoints", "envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name"},
    {"listener", "envoy.config.listener.v3.Listener", "name"},
    {"route", "envoy.config.route.v3.RouteConfiguration", "name"},
};

}  // namespace

absl::Span<const Kind> Kinds() { return kKinds; }

const Kind* FindKind(absl::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

}  // namespace signalbox
