#include "cli/bootstrap_verb.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <catch2/catch.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/app.h"
#include "cli/exit_code.h"
#include "server/descriptors/descriptors.h"
#include "server/descriptors/field_path.h"
#include "server/descriptors/json.h"

namespace signalbox::cli {
namespace {

struct Result {
  ExitCode code;
  std::string out;
  std::string err;
};

Result Run(std::vector<std::string> args) {
  args.insert(args.begin(), {"bootstrap", "envoy"});
  std::istringstream in;
  std::ostringstream out, err;
  const ExitCode code = RunApp(args, {BootstrapEnvoyVerb()},
                               {.in = &in, .out = &out, .err = &err, .environment = {}});
  return {code, out.str(), err.str()};
}

constexpr char kGolden[] = R"(node:
  id: edge-1
  cluster: edge
  client_features:
    - xds.config.supports-resource-ttl
admin:
  address:
    socket_address:
      address: "127.0.0.1"
      port_value: 0
dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services:
      - envoy_grpc:
          cluster_name: signalbox
          retry_policy:
            retry_back_off:
              base_interval: 0.250s
              max_interval: 5s
  cds_config:
    resource_api_version: V3
    initial_fetch_timeout: 0s
    ads: {}
  lds_config:
    resource_api_version: V3
    initial_fetch_timeout: 0s
    ads: {}
static_resources:
  clusters:
    - name: signalbox
      type: STATIC
      connect_timeout: 1s
      load_assignment:
        cluster_name: signalbox
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address:
                    socket_address:
                      address: "127.0.0.1"
                      port_value: 18000
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config:
            http2_protocol_options:
              connection_keepalive:
                interval: 30s
                timeout: 5s
)";

TEST_CASE("the bootstrap of an Envoy is always the same bytes") {
  const Result result = Run({"--node-id", "edge-1", "--group", "edge", "--plaintext"});
  CHECK(result.code == ExitCode::kDone);
  CHECK(result.err == "");
  CHECK(result.out == kGolden);
  CHECK(Run({"--node-id", "edge-1", "--group", "edge", "--plaintext", "--delta", "--xds",
             "127.0.0.1:18000"})
            .out == kGolden);
}

TEST_CASE("the bootstrap is a message that Envoy's API knows") {
  const auto descriptors = Descriptors::Create();
  REQUIRE(descriptors.ok());
  for (const auto& args : std::vector<std::vector<std::string>>{
           {"--node-id", "a", "--plaintext", "-o", "json"},
           {"--node-id", "a: {b}", "--plaintext", "-o", "json", "--sotw", "--xds", "[::1]:1"},
           {"--node-id", "a", "--plaintext", "-o", "json", "--xds", "xds.example:18000"},
           {"--node-id", "a", "-o", "json", "--tls-ca", "ca.pem"},
           {"--node-id", "a", "-o", "json", "--xds", "xds.example:1", "--tls-ca", "ca.pem",
            "--tls-cert", "cert.pem", "--tls-key", "key.pem"}}) {
    const Result result = Run(args);
    REQUIRE(result.code == ExitCode::kDone);
    google::protobuf::Struct json;
    REQUIRE(google::protobuf::util::JsonStringToMessage(result.out, &json).ok());
    std::vector<FieldError> errors;
    const auto message = MessageFromJson(
        **descriptors, (*descriptors)->FindMessage("envoy.config.bootstrap.v3.Bootstrap"), json,
        &errors);
    for (const FieldError& error : errors) UNSCOPED_INFO(error.ToString());
    CHECK(message.ok());
  }
}

TEST_CASE("variant, group and address end where they belong") {
  const std::string sotw =
      Run({"--node-id", "a", "--plaintext", "--sotw", "--xds", "xds.example:7"}).out;
  CHECK_THAT(sotw, !Catch::Contains("client_features"));
  CHECK_THAT(sotw, Catch::Contains("api_type: GRPC\n") && Catch::Contains("cluster: default\n") &&
                       Catch::Contains("type: STRICT_DNS\n") &&
                       Catch::Contains("dns_lookup_family: ALL\n") &&
                       Catch::Contains("address: xds.example\n") &&
                       Catch::Contains("port_value: 7\n"));
  CHECK_THAT(Run({"--node-id", "a", "--plaintext", "--xds", "[::1]:7"}).out,
             Catch::Contains("address: \"::1\"\n"));
  CHECK_THAT(Run({"--node-id", "1.10", "--plaintext"}).out,
             Catch::StartsWith("node:\n  id: \"1.10\"\n"));
}

TEST_CASE("over TLS the daemon must be who its address says, and gets the proxy's certificate") {
  const std::string named = Run({"--node-id", "a", "--xds", "xds.example:7", "--tls-ca", "ca.pem",
                                 "--tls-cert", "cert.pem", "--tls-key", "key.pem"})
                                .out;
  CHECK_THAT(named, Catch::EndsWith(R"(      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: xds.example
          common_tls_context:
            alpn_protocols:
              - h2
            validation_context:
              trusted_ca:
                filename: ca.pem
              match_typed_subject_alt_names:
                - san_type: DNS
                  matcher:
                    exact: xds.example
            tls_certificates:
              - certificate_chain:
                  filename: cert.pem
                private_key:
                  filename: key.pem
)"));
  const std::string numeric = Run({"--node-id", "a", "--tls-ca", "ca.pem"}).out;
  CHECK_THAT(numeric, Catch::Contains("san_type: IP_ADDRESS\n") &&
                          Catch::Contains("exact: \"127.0.0.1\"\n") && !Catch::Contains("sni") &&
                          !Catch::Contains("tls_certificates"));
}

TEST_CASE("a bootstrap that could not work is refused as usage, with what to write") {
  const Result tls = Run({"--node-id", "a"});
  CHECK(tls.code == ExitCode::kUsage);
  CHECK(tls.out == "");
  CHECK_THAT(tls.err, Catch::Contains("TLS") && Catch::Contains("--plaintext"));
  for (const auto& args : std::vector<std::vector<std::string>>{
           {"--plaintext"},
           {"--plaintext", "--node-id", ""},
           {"--plaintext", "--node-id", "a", "--group", ""},
           {"--plaintext", "--node-id", "a", "--sotw", "--delta"},
           {"--plaintext", "--node-id", "a", "--xds", "host"},
           {"--plaintext", "--node-id", "a", "--xds", ":1"},
           {"--plaintext", "--node-id", "a", "--xds", "h:0"},
           {"--plaintext", "--node-id", "a", "--xds", "::1:1"},
           {"--plaintext", "--node-id", "a", "--xds", "h:65536"},
           {"--plaintext", "--node-id", "a", "--tls-ca", "ca.pem"},
           {"--plaintext", "--node-id", "a", "--tls-cert", "c.pem", "--tls-key", "k.pem"},
           {"--node-id", "a", "--tls-ca", "ca.pem", "--tls-cert", "c.pem"},
           {"--node-id", "a", "--tls-ca", "ca.pem", "--tls-key", "k.pem"}}) {
    const Result result = Run(args);
    CHECK(result.code == ExitCode::kUsage);
    CHECK(result.out == "");
  }
}

}  // namespace
}  // namespace signalbox::cli
