#include "cli/bootstrap_verb.h"

#include <arpa/inet.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/listen_address.h"
#include "base/status_macros.h"

namespace signalbox::cli {
namespace {

constexpr char kCluster[] = "signalbox";
constexpr char kDefaultXds[] = "127.0.0.1:18000";
constexpr char kDefaultGroup[] = "default";

absl::StatusOr<ListenAddress> ParseXds(const std::string& text) {
  absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
  if (address.ok() && address->port == 0)
    address = absl::InvalidArgumentError("port 0 cannot be connected to");
  if (!address.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--xds: ", address.status().message()));
  }
  return address;
}

// Whether the host is an address and no name to be resolved.
bool IsNumeric(const std::string& host) {
  in6_addr parsed;
  return inet_pton(AF_INET, host.c_str(), &parsed) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &parsed) == 1;
}

Json SocketAddress(const std::string& host, uint32_t port) {
  return Json::Object(
      {{"socket_address", Json::Object({{"address", host}, {"port_value", port}})}});
}

// Everything comes over the one stream; a proxy waits for its first configuration as long as it
// takes.
Json FromAds() {
  return Json::Object(
      {{"resource_api_version", "V3"}, {"initial_fetch_timeout", "0s"}, {"ads", Json::Object()}});
}

Json FromFile(const std::string& path) { return Json::Object({{"filename", path}}); }

// TLS to the daemon, which must be who its address says.
Json TransportSocket(const EnvoyBootstrap& bootstrap, const std::string& host) {
  const bool numeric = IsNumeric(host);
  const Json name = Json::Object(
      {{"san_type", numeric ? "IP_ADDRESS" : "DNS"}, {"matcher", Json::Object({{"exact", host}})}});
  Json common =
      Json::Object({{"alpn_protocols", Json::Array({Json("h2")})},
                    {"validation_context",
                     Json::Object({{"trusted_ca", FromFile(bootstrap.ca)},
                                   {"match_typed_subject_alt_names", Json::Array({name})}})}});
  if (!bootstrap.cert.empty()) {
    common.Set("tls_certificates",
               Json::Array({Json::Object({{"certificate_chain", FromFile(bootstrap.cert)},
                                          {"private_key", FromFile(bootstrap.key)}})}));
  }
  Json context = Json::Object(
      {{"@type",
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"}});
  if (!numeric) context.Set("sni", host);
  context.Set("common_tls_context", std::move(common));
  return Json::Object(
      {{"name", "envoy.transport_sockets.tls"}, {"typed_config", std::move(context)}});
}

Json DiscoveryCluster(const EnvoyBootstrap& bootstrap, const ListenAddress& address) {
  Json cluster = Json::Object({{"name", kCluster},
                               {"type", IsNumeric(address.host) ? "STATIC" : "STRICT_DNS"},
                               {"connect_timeout", "1s"}});
  if (!IsNumeric(address.host)) cluster.Set("dns_lookup_family", "ALL");
  const Json endpoint = Json::Object({{"address", SocketAddress(address.host, address.port)}});
  cluster.Set(
      "load_assignment",
      Json::Object(
          {{"cluster_name", kCluster},
           {"endpoints",
            Json::Array({Json::Object(
                {{"lb_endpoints", Json::Array({Json::Object({{"endpoint", endpoint}})})}})})}}));
  const Json keepalive = Json::Object({{"interval", "30s"}, {"timeout", "5s"}});
  const Json http2 = Json::Object(
      {{"@type", "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"},
       {"explicit_http_config",
        Json::Object(
            {{"http2_protocol_options", Json::Object({{"connection_keepalive", keepalive}})}})}});
  cluster.Set("typed_extension_protocol_options",
              Json::Object({{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions", http2}}));
  if (!bootstrap.ca.empty())
    cluster.Set("transport_socket", TransportSocket(bootstrap, address.host));
  return cluster;
}

ExitCode Usage(Context& context, absl::string_view message, absl::string_view hint) {
  Failure failure(absl::InvalidArgumentError(message), std::string(hint));
  failure.exit_code = ExitCode::kUsage;
  return context.out->Fail(failure);
}

ExitCode Run(Context& context, const Arguments& arguments) {
  if (arguments.Has("delta") && arguments.Has("sotw")) {
    return Usage(context, "--delta and --sotw exclude each other", "leave both out for delta");
  }
  const std::string ca = arguments.ValueOr("tls-ca", "");
  const std::string cert = arguments.ValueOr("tls-cert", "");
  const std::string key = arguments.ValueOr("tls-key", "");
  if (arguments.Has("plaintext") == !ca.empty()) {
    return Usage(context,
                 ca.empty() ? "a connection without TLS must be asked for"
                            : "--plaintext and --tls-ca exclude each other",
                 "--tls-ca FILE, with who signed the daemon's certificate; or --plaintext, on "
                 "loopback or a trusted network");
  }
  if (cert.empty() != key.empty() || (ca.empty() && !cert.empty())) {
    return Usage(context, "--tls-cert, --tls-key and --tls-ca belong together",
                 "leave --tls-cert and --tls-key out where the daemon asks for no certificate");
  }
  const std::string node_id = arguments.ValueOr("node-id", "");
  if (node_id.empty())
    return Usage(context, "--node-id must not be empty",
                 "signalbox bootstrap envoy --node-id edge-1");
  const std::string group = arguments.ValueOr("group", kDefaultGroup);
  if (group.empty())
    return Usage(context, "--group must not be empty", "leave it out for the group \"default\"");
  const absl::StatusOr<Json> bootstrap =
      MakeEnvoyBootstrap({.node_id = node_id,
                          .group = group,
                          .xds = arguments.ValueOr("xds", kDefaultXds),
                          .variant = arguments.Has("sotw") ? EnvoyBootstrap::Variant::kSotw
                                                           : EnvoyBootstrap::Variant::kDelta,
                          .ca = ca,
                          .cert = cert,
                          .key = key});
  if (!bootstrap.ok())
    return Usage(context, bootstrap.status().message(), "for example --xds 127.0.0.1:18000");
  const Format format = context.out->format();
  context.out->Write(format == Format::kJson    ? absl::StrCat(bootstrap->Pretty(), "\n")
                     : format == Format::kJsonl ? absl::StrCat(bootstrap->Dump(), "\n")
                                                : ToYaml(*bootstrap));
  return ExitCode::kDone;
}

}  // namespace

absl::StatusOr<Json> MakeEnvoyBootstrap(const EnvoyBootstrap& bootstrap) {
  SB_ASSIGN_OR_RETURN(const ListenAddress address, ParseXds(bootstrap.xds));
  const bool delta = bootstrap.variant == EnvoyBootstrap::Variant::kDelta;
  // A daemon that restarts is found again soon; the jitter is Envoy's.
  const Json retry = Json::Object(
      {{"retry_back_off", Json::Object({{"base_interval", "0.250s"}, {"max_interval", "5s"}})}});
  const Json ads = Json::Object(
      {{"api_type", delta ? "DELTA_GRPC" : "GRPC"},
       {"transport_api_version", "V3"},
       {"set_node_on_first_message_only", true},
       {"grpc_services",
        Json::Array({Json::Object({{"envoy_grpc", Json::Object({{"cluster_name", kCluster},
                                                                {"retry_policy", retry}})}})})}});
  Json node = Json::Object({{"id", bootstrap.node_id}, {"cluster", bootstrap.group}});
  // Envoy knows times to live, and does not say so by itself.
  if (delta) node.Set("client_features", Json::Array({"xds.config.supports-resource-ttl"}));
  return Json::Object(
      {{"node", std::move(node)},
       {"admin", Json::Object({{"address", SocketAddress("127.0.0.1", 0)}})},
       {"dynamic_resources",
        Json::Object({{"ads_config", ads}, {"cds_config", FromAds()}, {"lds_config", FromAds()}})},
       {"static_resources",
        Json::Object({{"clusters", Json::Array({DiscoveryCluster(bootstrap, address)})}})}});
}

Verb BootstrapEnvoyVerb() {
  return {.name = "bootstrap envoy",
          .group = Verb::Group::kSetup,
          .help = "Print the file that an Envoy starts with",
          .example =
              "signalbox bootstrap envoy --node-id edge-1 --xds 127.0.0.1:18000 --plaintext > "
              "envoy.yaml",
          .flags = {{.name = "node-id",
                     .value = "ID",
                     .help = "what the proxy calls itself",
                     .required = Flag::Required::kYes},
                    {.name = "group",
                     .value = "GROUP",
                     .help = "the proxy's node.cluster; \"default\" unless given"},
                    {.name = "xds",
                     .value = "HOST:PORT",
                     .help = "where discovery listens; 127.0.0.1:18000 unless given"},
                    {.name = "delta", .help = "incremental discovery; so unless --sotw is given"},
                    {.name = "sotw", .help = "state-of-the-world discovery"},
                    {.name = "tls-ca",
                     .value = "FILE",
                     .help = "connect over TLS; who signed the daemon's certificate, which must be "
                             "for the host of --xds"},
                    {.name = "tls-cert",
                     .value = "FILE",
                     .help = "the proxy's own certificate, where the daemon asks for one"},
                    {.name = "tls-key", .value = "FILE", .help = "its private key"},
                    {.name = "plaintext", .help = "connect without TLS"}},
          .run = Run};
}

}  // namespace signalbox::cli
