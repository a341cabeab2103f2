#include "server/types/endpoints.h"

#include "base/check.h"

namespace signalbox {

std::unique_ptr<ResourceType> MakeEndpointsType() {
  const Kind* kind = FindKind("endpoints");
  SB_CHECK(kind != nullptr);
  return std::make_unique<ResourceType>(*kind, ResourceType::Protocol{.abbreviation = "EDS"});
}

}  // namespace signalbox
