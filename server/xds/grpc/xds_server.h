#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/xds/grpc/certificate.h"
#include "server/xds/grpc/proxy_services.h"

namespace grpc {
class Server;
class ServerCredentials;
}  // namespace grpc

namespace signalbox {

// The gRPC server that proxies talk to: discovery and gRPC's health service.
class XdsServer {
 public:
  // Binds `address` ("HOST:PORT"; port 0 takes a free one) and serves with the certificate, or in
  // plaintext without one. `services` must outlive this object.
  //   kFailedPrecondition  the address cannot be bound; the text names the option xds.listen
  static absl::StatusOr<std::unique_ptr<XdsServer>> Start(
      const std::string& address, ProxyServices* services,
      std::shared_ptr<ServerCertificate> certificate);
  ~XdsServer();

  // "HOST:PORT" as bound.
  const std::string& address() const { return address_; }

  // Ends every stream and waits for that, `grace` at most before calls are cancelled.
  void Stop(absl::Duration grace);

 private:
  XdsServer(std::string address, std::shared_ptr<grpc::ServerCredentials> credentials,
            std::unique_ptr<grpc::Server> server);

  const std::string address_;
  const std::shared_ptr<grpc::ServerCredentials> credentials_;
  const std::unique_ptr<grpc::Server> server_;
};

}  // namespace signalbox
