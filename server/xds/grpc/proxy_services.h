#pragma once

#include <memory>

#include "base/random.h"
#include "server/xds/load_stream.h"
#include "server/xds/session.h"
#include "server/xds/stream.h"

namespace grpc {
class CallbackGenericService;
}

namespace signalbox {

// What proxies call over gRPC: the aggregated discovery service and the one of each type, both
// variants, and load reporting. Each call becomes a Stream or a LoadStream. Responses go out as
// byte buffers of shared slices, so that the same bytes serve every stream without a copy. Any
// other method is UNIMPLEMENTED, with what to do instead where there is something.
class ProxyServices {
 public:
  // All pointers must outlive this object, and this object the server that it is registered with.
  ProxyServices(const StreamContext* streams, const SessionContext* sessions,
                const LoadContext* loads, Random* random);
  ~ProxyServices();

  // To be registered with a server builder; owned by this object.
  grpc::CallbackGenericService* service();

 private:
  class Service;
  const std::unique_ptr<Service> service_;
};

}  // namespace signalbox
