#pragma once

#include <memory>

#include "server/types/resource_type.h"

namespace signalbox {

// Route configurations (RDS).
std::unique_ptr<ResourceType> MakeRouteType();

}  // namespace signalbox
