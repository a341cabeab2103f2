#pragma once

#include <memory>

#include "server/xds/grpc/certificate.h"

namespace grpc {
class ServerCredentials;
}

namespace signalbox {

// TLS with the certificate that is current at each handshake: a new one concerns new connections,
// open ones go on. Where the certificate wants it, clients must show one of its authority. Must
// outlive the server that uses it.
std::shared_ptr<grpc::ServerCredentials> TlsCredentials(
    std::shared_ptr<ServerCertificate> certificate);

}  // namespace signalbox
