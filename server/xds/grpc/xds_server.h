#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/xds/grpc/ads_service.h"

namespace grpc {
class Server;
}

namespace signalbox {

// The gRPC server that proxies talk to: discovery and gRPC's health service.
class XdsServer {
 public:
  // Binds `address` ("HOST:PORT"; port 0 takes a free one) and serves in plaintext. `service` must
  // outlive this object.
  //   kFailedPrecondition  the address cannot be bound; the text names the option xds.listen
  static absl::StatusOr<std::unique_ptr<XdsServer>> Start(const std::string& address,
                                                          AdsService* service);
  ~XdsServer();

  // "HOST:PORT" as bound.
  const std::string& address() const { return address_; }

  // Ends every stream and waits for that, `grace` at most before calls are cancelled.
  void Stop(absl::Duration grace);

 private:
  XdsServer(std::string address, std::unique_ptr<grpc::Server> server);

  const std::string address_;
  const std::unique_ptr<grpc::Server> server_;
};

}  // namespace signalbox
