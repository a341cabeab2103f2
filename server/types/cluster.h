#pragma once

#include <memory>

#include "server/types/resource_type.h"

namespace signalbox {

// Clusters (CDS). An EDS cluster refers to its endpoints.
std::unique_ptr<ResourceType> MakeClusterType();

}  // namespace signalbox
