#pragma once

#include <memory>
#include <string>

#include "tests/server/xds/model/client.h"

namespace signalbox::testing {

// A client as gRPC's are (XDS section 1.9): SotW, every type by exact names, found by walking from
// its listeners over routes and clusters to endpoints; an empty list ends a subscription; what is
// absent is deleted only if it was there; the good part of a refused response is used.
std::unique_ptr<Client> MakeGrpcClient(Scene* scene, std::string who, const ClientPlan& plan,
                                       const std::string& node);

}  // namespace signalbox::testing
