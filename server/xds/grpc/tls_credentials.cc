#include "server/xds/grpc/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <string>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"

namespace signalbox {
namespace {

// gRPC's C++ interface reads certificates once; its C interface asks for them at each handshake.
class AskingCredentials : public grpc::ServerCredentials {
 public:
  explicit AskingCredentials(std::shared_ptr<ServerCertificate> certificate)
      : certificate_(std::move(certificate)),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                certificate_->wants_client_certificates()
                    ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                    : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
                Fetch, this))) {
    SB_CHECK(credentials_ != nullptr);
  }
  ~AskingCredentials() override { grpc_server_credentials_release(credentials_); }

  // Nothing here authenticates by metadata.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<AskingCredentials*>(self)->FetchNew(config);
  }

  grpc_ssl_certificate_config_reload_status FetchNew(grpc_ssl_server_certificate_config** config) {
    const std::shared_ptr<const Certificate> current = certificate_->current();
    MutexLock lock(&mu_);
    if (current == given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    given_ = current;
    const grpc_ssl_pem_key_cert_pair pair = {current->key.c_str(), current->chain.c_str()};
    // gRPC wants an authority even where it asks for no certificate, and then does not use it.
    const std::string& authority = current->client_ca.empty() ? current->chain : current->client_ca;
    *config = grpc_ssl_server_certificate_config_create(authority.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::shared_ptr<ServerCertificate> certificate_;
  grpc_server_credentials* const credentials_;

  Mutex mu_;
  std::shared_ptr<const Certificate> given_ SB_GUARDED_BY(mu_);
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(
    std::shared_ptr<ServerCertificate> certificate) {
  return std::make_shared<AskingCredentials>(std::move(certificate));
}

}  // namespace signalbox
