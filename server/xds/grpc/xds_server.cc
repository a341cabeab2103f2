#include "server/xds/grpc/xds_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/xds/grpc/tls_credentials.h"
#include "server/xds/limits.h"

namespace signalbox {

absl::StatusOr<std::unique_ptr<XdsServer>> XdsServer::Start(
    const std::string& address, ProxyServices* services,
    std::shared_ptr<ServerCertificate> certificate) {
  std::shared_ptr<grpc::ServerCredentials> credentials =
      certificate == nullptr ? grpc::InsecureServerCredentials()
                             : TlsCredentials(std::move(certificate));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, credentials, &port);
  builder.RegisterCallbackGenericService(services->service());
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits::kMaxRequestBytes));
  // Two daemons on one port would split the fleet between them.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits::kMaxStreamsPerConnection);
  // A proxy that is gone without a word is noticed within a minute; one that pings is allowed to.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen on ", address,
                     " for proxies: is the port taken? Set xds.listen to a free one"));
  }
  const std::string host = address.substr(0, address.rfind(':'));
  return std::unique_ptr<XdsServer>(
      new XdsServer(absl::StrCat(host, ":", port), std::move(credentials), std::move(server)));
}

XdsServer::XdsServer(std::string address, std::shared_ptr<grpc::ServerCredentials> credentials,
                     std::unique_ptr<grpc::Server> server)
    : address_(std::move(address)),
      credentials_(std::move(credentials)),
      server_(std::move(server)) {}

XdsServer::~XdsServer() { Stop(absl::ZeroDuration()); }

void XdsServer::Stop(absl::Duration grace) {
  server_->GetHealthCheckService()->SetServingStatus(false);
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
}

}  // namespace signalbox
