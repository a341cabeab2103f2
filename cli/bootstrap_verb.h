#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/json.h"
#include "cli/verb.h"

namespace signalbox::cli {

// `bootstrap envoy`: the file that an Envoy starts with, on stdout. Asks no daemon; the same flags
// give the same bytes.
Verb BootstrapEnvoyVerb();

// What the file says.
struct EnvoyBootstrap {
  enum class Variant { kDelta, kSotw };

  std::string node_id;
  std::string group;  // becomes node.cluster
  std::string xds;    // HOST:PORT of discovery
  Variant variant = Variant::kDelta;
  // TLS, with files in PEM form that the proxy reads when it starts. "": plaintext.
  std::string ca;    // who signed the daemon's certificate, which is for `xds`'s host
  std::string cert;  // the proxy's own certificate and its key; both or none
  std::string key;
};

// An envoy.config.bootstrap.v3.Bootstrap as proto3 JSON: everything over one ADS stream.
//   kInvalidArgument  `xds` is not HOST:PORT
absl::StatusOr<Json> MakeEnvoyBootstrap(const EnvoyBootstrap& bootstrap);

}  // namespace signalbox::cli
