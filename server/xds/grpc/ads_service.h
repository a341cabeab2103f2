#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "server/xds/session.h"
#include "server/xds/stream.h"

namespace grpc {
class CallbackGenericService;
}

namespace signalbox {

// The aggregated discovery service, both variants, over gRPC: each call becomes a Stream. Responses
// go out as byte buffers of shared slices, so that the same bytes serve every stream without a
// copy. Any other method is UNIMPLEMENTED.
class AdsService {
 public:
  // All pointers must outlive this object, and this object the server that it is registered with.
  AdsService(const StreamContext* streams, const SessionContext* sessions, Random* random);
  ~AdsService();

  // To be registered with a server builder; owned by this object.
  grpc::CallbackGenericService* service();

 private:
  class Service;
  const std::unique_ptr<Service> service_;
};

}  // namespace signalbox
