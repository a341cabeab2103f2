#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "grpcpp/server_builder.h"
#include "grpcpp/server_context.h"
#include "server/admin/caller.h"
#include "server/admin/config.h"
#include "server/admin/nodes.h"
#include "server/admin/revisions.h"
#include "server/admin/system.h"

namespace signalbox {

// The services of signalbox.admin.v1 on gRPC: each call becomes a call of a handler, each status
// gRPC's. A call whose deadline has passed by the time a thread takes it up is not begun.
class AdminServices {
 public:
  // Says who makes a call; `author` at least. Called on the server's threads.
  using CallerOf = std::function<Caller(const grpc::ServerContext& context)>;

  // The handlers must outlive this object, and this object the server.
  AdminServices(ConfigHandler* config, RevisionsHandler* revisions, NodesHandler* nodes,
                SystemHandler* system, CallerOf caller_of);
  ~AdminServices();

  // Adds the services, and sets what the server accepts: kMaxAdminRequestBytes for a request, at
  // most limits::kMaxAdminThreads threads. The server is for the admin API alone.
  void AddTo(grpc::ServerBuilder* builder);

 private:
  const CallerOf caller_of_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
};

}  // namespace signalbox
