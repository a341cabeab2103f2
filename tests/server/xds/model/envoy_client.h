#pragma once

#include <memory>
#include <string>

#include "tests/server/xds/model/client.h"

namespace signalbox::testing {

// A client as Envoy was measured to be (the rules marked [M] in XDS), of both variants. It asks for
// clusters, then for their endpoints, then for listeners and their routes. A new or changed cluster
// warms until its endpoints come after it, or for 15 s; once it has started it withholds its answer
// of clusters meanwhile, and where it reconnects then it leaves clusters out. Holds itself against
// what must not happen to it: traffic sent to a cluster that is not there yet (O1b) or no more
// (O1).
std::unique_ptr<Client> MakeEnvoyClient(Scene* scene, std::string who, const ClientPlan& plan,
                                        const std::string& node);

}  // namespace signalbox::testing
