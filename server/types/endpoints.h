#pragma once

#include <memory>

#include "server/types/resource_type.h"

namespace signalbox {

// Endpoints of clusters (EDS), called by their `cluster_name`.
std::unique_ptr<ResourceType> MakeEndpointsType();

}  // namespace signalbox
