#include "server/types/route.h"

#include "base/check.h"

namespace signalbox {

std::unique_ptr<ResourceType> MakeRouteType() {
  const Kind* kind = FindKind("route");
  SB_CHECK(kind != nullptr);
  return std::make_unique<ResourceType>(*kind, ResourceType::Protocol{.abbreviation = "RDS"});
}

}  // namespace signalbox
