#include "server/types/registry.h"

#include <utility>

#include "base/check.h"
#include "server/descriptors/kinds.h"
#include "server/types/cluster.h"
#include "server/types/virtual_host.h"

namespace signalbox {
namespace {

struct Row {
  absl::string_view kind;
  ResourceType::Protocol protocol;
};

constexpr absl::string_view kOfClusters[] = {"secret", "cluster", "endpoints"};
constexpr absl::string_view kOfExtensions[] = {"secret", "cluster", "extension-config", "route"};
constexpr absl::string_view kOfListeners[] = {"secret", "cluster", "extension-config", "route"};
constexpr absl::string_view kOfScopedRoutes[] = {"secret", "cluster", "extension-config", "route"};
constexpr absl::string_view kOfRoutes[] = {"secret", "cluster", "extension-config"};
constexpr absl::string_view kOfVirtualHosts[] = {"secret", "cluster", "extension-config"};

// In push order (XDS O1): what others refer to goes before them.
constexpr Row kTypes[] = {
    {"runtime", {.abbreviation = "RTDS"}},
    {"secret", {.abbreviation = "SDS"}},
    {"cluster",
     {.abbreviation = "CDS",
      .full_state_in_sotw = true,
      .legacy_wildcard = true,
      .refers_to = kOfClusters,
      .add_own_references = AddClusterReferences}},
    {"endpoints", {.abbreviation = "EDS"}},
    {"lb-endpoint", {.abbreviation = "LEDS", .delta_only = true}},
    {"extension-config", {.abbreviation = "ECDS", .refers_to = kOfExtensions}},
    {"listener",
     {.abbreviation = "LDS",
      .full_state_in_sotw = true,
      .legacy_wildcard = true,
      .refers_to = kOfListeners}},
    {"scoped-route",
     {.abbreviation = "SRDS",
      .full_state_in_sotw = true,
      .legacy_wildcard = true,
      .refers_to = kOfScopedRoutes}},
    {"route",
     {.abbreviation = "RDS", .refers_to = kOfRoutes, .add_own_references = AddRouteReferences}},
    {"virtual-host",
     {.abbreviation = "VHDS",
      .legacy_wildcard = true,
      .delta_only = true,
      .refers_to = kOfVirtualHosts,
      .add_own_references = AddVirtualHostAliases}},
};

}  // namespace

TypeRegistry::TypeRegistry() {
  for (const Row& row : kTypes) {
    const Kind* const kind = FindKind(row.kind);
    SB_CHECK(kind != nullptr);
    auto type = std::make_unique<ResourceType>(*kind, row.protocol);
    type->index_ = static_cast<int>(in_push_order_.size());
    in_push_order_.push_back(type.get());
    types_.push_back(std::move(type));
  }
}

const ResourceType* TypeRegistry::FindByUrl(absl::string_view type_url) const {
  for (const ResourceType* type : in_push_order_) {
    if (type->type_url() == type_url) return type;
  }
  return nullptr;
}

const ResourceType* TypeRegistry::FindByShortName(absl::string_view short_name) const {
  for (const ResourceType* type : in_push_order_) {
    if (type->short_name() == short_name) return type;
  }
  return nullptr;
}

std::vector<std::string> TypeRegistry::short_names() const {
  std::vector<std::string> names;
  for (const ResourceType* type : in_push_order_) names.emplace_back(type->short_name());
  return names;
}

}  // namespace signalbox
