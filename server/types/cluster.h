#pragma once

#include <vector>

#include "server/types/resource_type.h"

namespace google::protobuf {
class Message;
}

namespace signalbox {

// Adds the endpoints of an EDS `cluster`: `service_name`, or the cluster's own name where that is
// not given. Endpoints that come from elsewhere (ConfigSource) are no reference.
void AddClusterReferences(const google::protobuf::Message& cluster,
                          std::vector<Reference>* references);

}  // namespace signalbox
