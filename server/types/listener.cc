#include "server/types/listener.h"

#include "base/check.h"

namespace signalbox {

std::unique_ptr<ResourceType> MakeListenerType() {
  const Kind* kind = FindKind("listener");
  SB_CHECK(kind != nullptr);
  return std::make_unique<ResourceType>(
      *kind, ResourceType::Protocol{
                 .abbreviation = "LDS", .full_state_in_sotw = true, .legacy_wildcard = true});
}

}  // namespace signalbox
