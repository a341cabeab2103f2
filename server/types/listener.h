#pragma once

#include <memory>

#include "server/types/resource_type.h"

namespace signalbox {

// Listeners (LDS).
std::unique_ptr<ResourceType> MakeListenerType();

}  // namespace signalbox
