#include "server/types/registry.h"

#include <utility>

#include "server/types/cluster.h"
#include "server/types/endpoints.h"
#include "server/types/listener.h"
#include "server/types/route.h"

namespace signalbox {

TypeRegistry::TypeRegistry() {
  types_.push_back(MakeClusterType());
  types_.push_back(MakeEndpointsType());
  types_.push_back(MakeListenerType());
  types_.push_back(MakeRouteType());

  for (const auto& type : types_) {
    type->index_ = static_cast<int>(in_push_order_.size());
    in_push_order_.push_back(type.get());
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
