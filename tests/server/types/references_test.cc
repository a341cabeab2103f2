#include "server/types/references.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/descriptors/json.h"
#include "server/types/registry.h"
#include "tests/server/descriptors/pool.h"

namespace signalbox {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using testing::Json;
using testing::Pool;

struct Found {
  std::vector<std::string> names;
  bool opaque = false;

  friend bool operator==(const Found&, const Found&) = default;
};

std::ostream& operator<<(std::ostream& out, const Found& found) {
  for (const std::string& name : found.names) out << name << " ";
  return out << (found.opaque ? "opaque" : "");
}

Found In(const std::string& type_name, const std::string& json) {
  const TypeRegistry registry;
  const ResourceType& type = *registry.FindByShortName(type_name);
  std::vector<FieldError> errors;
  const auto message =
      MessageFromJson(Pool(), Pool().FindMessage(type.message_name()), Json(json), &errors);
  for (const FieldError& error : errors) UNSCOPED_INFO(error.ToString());
  REQUIRE(message.ok());
  const auto references = References(&Pool()).Of(type, SerializeDeterministic(**message));
  REQUIRE(references.ok());
  Found found;
  for (const Reference& reference : references->names)
    found.names.push_back(reference.type + "/" + reference.name);
  found.opaque = references->opaque;
  return found;
}

std::string Typed(const std::string& type, const std::string& rest) {
  return R"({"@type": "type.googleapis.com/)" + type + "\"" + (rest.empty() ? "" : ", " + rest) +
         "}";
}

Found InFilter(const std::string& type, const std::string& rest) {
  return In("listener",
            R"({"filter_chains": [{"filters": [{"typed_config": )" + Typed(type, rest) + "}]}]}");
}

Found InHcm(const std::string& rest) {
  return InFilter(
      "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", rest);
}

Found InHttpFilter(const std::string& type, const std::string& rest) {
  return InHcm(R"("http_filters": [{"name": "f", "typed_config": )" + Typed(type, rest) + "}]");
}

Found InRoute(const std::string& action) {
  return In("route", R"({"virtual_hosts": [{"routes": [{"route": )" + action + "}]}]}");
}

Found InCluster(const std::string& type, const std::string& rest) {
  return In("cluster", R"({"cluster_type": {"typed_config": )" + Typed(type, rest) + "}}");
}

TEST_CASE("a route configuration names the virtual hosts that come by VHDS (XDS VHDS)") {
  CHECK(In("route", R"({"name": "a/r", "vhds": {"config_source": {"ads": {}}}})") ==
        Found{{"virtual-host/a/r/*"}, false});
  // What comes from elsewhere may lead to any cluster, and may come from here after all.
  CHECK(In("route", R"({"name": "r", "vhds": {"config_source": {"path": "/x"}}})") ==
        Found{{"virtual-host/r/*"}, true});
}

TEST_CASE("a virtual host names clusters and what else it goes by (XDS X6)") {
  CHECK(In("virtual-host", R"({"name": "r/v", "domains": ["Foo.com", "*"],
                               "routes": [{"route": {"cluster": "a"}}]})") ==
        Found{{"alias/r/*", "alias/r/foo.com", "cluster/a"}, false});
}

TEST_CASE("an EDS cluster refers to its endpoints, by its service name or its own") {
  CHECK(In("cluster",
           R"({"name": "a", "type": "EDS", "eds_cluster_config": {"eds_config": {"ads": {}}}})") ==
        Found{{"endpoints/a"}});
  CHECK(In("cluster", R"({"name": "a", "type": "EDS",
                          "eds_cluster_config": {"eds_config": {"self": {}}, "service_name": "b"}})") ==
        Found{{"endpoints/b"}});
}

TEST_CASE("other clusters, and endpoints from elsewhere, are no reference") {
  CHECK(In("cluster", R"({"name": "a", "type": "STRICT_DNS"})") == Found{});
  CHECK(In("cluster", R"({"name": "a"})") == Found{});
  CHECK(In("cluster", R"({"name": "a", "cluster_type": {"name": "x"}})") == Found{});
  CHECK(In("cluster", R"({"name": "a", "type": "EDS",
                          "eds_cluster_config": {"eds_config": {"path_config_source": {"path": "/x"}}}})") ==
        Found{});
  CHECK(
      In("cluster",
         R"({"name": "a", "type": "EDS", "eds_cluster_config": {"eds_config": {"api_config_source":
                          {"api_type": "GRPC", "grpc_services": [{"envoy_grpc": {"cluster_name": "boot"}}]}}}})") ==
      Found{});
}

TEST_CASE("routes name clusters in every way there is") {
  CHECK(InRoute(R"({"cluster": "a"})") == Found{{"cluster/a"}});
  CHECK(
      InRoute(
          R"({"weighted_clusters": {"clusters": [{"name": "b"}, {"name": "a"}, {"name": "b"}]}})") ==
      Found{{"cluster/a", "cluster/b"}});
  CHECK(InRoute(R"({"cluster": "a", "request_mirror_policies": [{"cluster": "m"}]})") ==
        Found{{"cluster/a", "cluster/m"}});
  CHECK(In("route", R"({"request_mirror_policies": [{"cluster": "m"}],
                        "virtual_hosts": [{"request_mirror_policies": [{"cluster": "n"}]}]})") ==
        Found{{"cluster/m", "cluster/n"}});
  CHECK(
      In("route",
         R"({"virtual_hosts": [{"typed_per_filter_config": {"x": )" +
             Typed(
                 "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
                 R"("http_service": {"server_uri": {"uri": "http://x", "cluster": "authz", "timeout": "1s"}})") +
             "}}]}") == Found{{"cluster/authz"}});
}

TEST_CASE("a cluster that only the request knows makes a resource opaque") {
  CHECK(InRoute(R"({"cluster_header": "x"})") == Found{{}, true});
  CHECK(InRoute(R"({"cluster_specifier_plugin": "x"})") == Found{{}, true});
  CHECK(
      InRoute(R"({"weighted_clusters": {"clusters": [{"name": "a"}, {"cluster_header": "x"}]}})") ==
      Found{{"cluster/a"}, true});
  CHECK(InRoute(R"({"cluster": "a", "request_mirror_policies": [{"cluster_header": "m"}]})") ==
        Found{{"cluster/a"}, true});
  CHECK(InRoute(
            R"({"inline_cluster_specifier_plugin": {"extension": {"name": "x", "typed_config": )" +
            Typed("envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig",
                  R"("source_code": {"inline_string": "x"}, "default_cluster": "d")") +
            "}}}") == Found{{"cluster/d"}, true});
  CHECK(In("route", R"({"name": "r", "vhds": {"config_source": {"path": "/x"}}})") ==
        Found{{"virtual-host/r/*"}, true});
  CHECK(InHttpFilter("envoy.extensions.filters.http.lua.v3.Lua", "") == Found{{}, true});
  CHECK(InHttpFilter("envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
                     R"("grpc_service": {"envoy_grpc": {"cluster_name": "p"}})") ==
        Found{{"cluster/p"}, true});
  CHECK(InHttpFilter("envoy.extensions.filters.http.wasm.v3.Wasm", R"("config": {"name": "w"})") ==
        Found{{}, true});
  CHECK(InFilter("envoy.extensions.filters.network.sni_cluster.v3.SniCluster", "") ==
        Found{{}, true});
  CHECK(
      InHcm(
          R"("http_filters": [{"name": "f", "config_discovery": {"config_source": {"path_config_source": {"path": "/x"}}}}])") ==
      Found{{}, true});
}

TEST_CASE("an extension's configuration goes by the extension's name") {
  CHECK(
      InHcm(
          R"("http_filters": [{"name": "f", "config_discovery": {"config_source": {"ads": {}}}}])") ==
      Found{{"extension-config/f"}});
  CHECK(
      In("listener",
         R"({"listener_filters": [{"name": "g", "config_discovery": {"config_source": {"ads": {}}}}],
               "filter_chains": [{"filters": [{"name": "h", "config_discovery":
                 {"config_source": {"self": {}}}}]}]})") ==
      Found{{"extension-config/g", "extension-config/h"}});
  CHECK(In("extension-config", R"({"name": "f", "typed_config": )" +
                                   Typed("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                                         R"("cluster": "a")") +
                                   "}") == Found{{"cluster/a"}});
}

TEST_CASE("a scope refers to its route configuration") {
  CHECK(In("scoped-route", R"({"name": "s", "route_configuration_name": "r"})") ==
        Found{{"route/r"}});
  CHECK(In("scoped-route",
           R"({"name": "s", "route_configuration": {"name": "i", "virtual_hosts":
               [{"routes": [{"route": {"cluster": "a"}}]}]}})") == Found{{"cluster/a"}});
}

TEST_CASE("a listener refers to its route configuration") {
  CHECK(InHcm(R"("rds": {"route_config_name": "r", "config_source": {"ads": {}}})") ==
        Found{{"route/r"}});
  CHECK(
      InHcm(
          R"("rds": {"route_config_name": "r", "config_source": {"path_config_source": {"path": "/x"}}})") ==
      Found{{}, true});
  CHECK(InHcm(R"("scoped_routes": {"name": "s", "rds_config_source": {"ads": {}},
                 "scoped_rds": {"scoped_rds_config_source": {"ads": {}}}})") == Found{});
  CHECK(InHcm(R"("scoped_routes": {"name": "s", "rds_config_source": {"ads": {}},
                 "scoped_rds": {"scoped_rds_config_source":
                   {"path_config_source": {"path": "/x"}}}})") == Found{{}, true});
  CHECK(In("listener",
           R"({"api_listener": {"api_listener": )" +
               Typed("envoy.extensions.filters.network.http_connection_manager.v3."
                     "HttpConnectionManager",
                     R"("rds": {"route_config_name": "r", "config_source": {"ads": {}}})") +
               "}}") == Found{{"route/r"}});
}

TEST_CASE("an inline route configuration names clusters, not itself") {
  CHECK(
      InHcm(
          R"("route_config": {"name": "r", "virtual_hosts": [{"routes": [{"route": {"cluster": "a"}}]}]})") ==
      Found{{"cluster/a"}});
}

TEST_CASE("filters name clusters") {
  const std::string kNetwork = "envoy.extensions.filters.network.";
  CHECK(InFilter(kNetwork + "tcp_proxy.v3.TcpProxy", R"("cluster": "a")") == Found{{"cluster/a"}});
  CHECK(InFilter(kNetwork + "tcp_proxy.v3.TcpProxy",
                 R"("weighted_clusters": {"clusters": [{"name": "a"}]})") == Found{{"cluster/a"}});
  CHECK(
      InFilter(
          kNetwork + "redis_proxy.v3.RedisProxy",
          R"("prefix_routes": {"routes": [{"cluster": "a", "request_mirror_policy": [{"cluster": "m"}]}],
                    "catch_all_route": {"cluster": "b"}})") ==
      Found{{"cluster/a", "cluster/b", "cluster/m"}});
  CHECK(InFilter(kNetwork + "thrift_proxy.v3.ThriftProxy",
                 R"("route_config": {"routes": [{"route": {"cluster": "a"}},
                    {"route": {"weighted_clusters": {"clusters": [{"name": "b"}]}}}]})") ==
        Found{{"cluster/a", "cluster/b"}});
  CHECK(InFilter(
            kNetwork + "ratelimit.v3.RateLimit",
            R"("rate_limit_service": {"grpc_service": {"envoy_grpc": {"cluster_name": "rl"}}})") ==
        Found{{"cluster/rl"}});
  CHECK(InHttpFilter("envoy.extensions.filters.http.health_check.v3.HealthCheck",
                     R"("cluster_min_healthy_percentages": {"a": {"value": 5}, "b": {}})") ==
        Found{{"cluster/a", "cluster/b"}});
  CHECK(
      InHttpFilter(
          "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
          R"("providers": {"p": {"remote_jwks": {"http_uri": {"uri": "x", "cluster": "jwks"}}}})") ==
      Found{{"cluster/jwks"}});
  CHECK(InHcm(R"("tracing": {"provider": {"name": "z", "typed_config": )" +
              Typed("envoy.config.trace.v3.ZipkinConfig", R"("collector_cluster": "z")") + "}}") ==
        Found{{"cluster/z"}});
  CHECK(In("listener", R"({"access_log": [{"name": "g", "typed_config": )" +
                           Typed("envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
                                 R"("common_config": {"log_name": "l", "grpc_service":
                                    {"envoy_grpc": {"cluster_name": "als"}}})") +
                           "}]}") == Found{{"cluster/als"}});
  CHECK(In("listener",
           R"({"listener_filters": [{"name": "u", "typed_config": )" +
               Typed("envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig",
                     R"("matcher": {"on_no_match": {"action": {"name": "r", "typed_config": )" +
                         Typed("envoy.extensions.filters.udp.udp_proxy.v3.Route",
                               R"("cluster": "u")") +
                         "}}}") +
               "}]}") == Found{{"cluster/u"}});
}

TEST_CASE("clusters are made of clusters") {
  CHECK(InCluster("envoy.extensions.clusters.aggregate.v3.ClusterConfig",
                  R"("clusters": ["b", "a"])") == Found{{"cluster/a", "cluster/b"}});
  CHECK(InCluster("envoy.extensions.clusters.composite.v3.ClusterConfig",
                  R"("clusters": [{"name": "a"}])") == Found{{"cluster/a"}});
  CHECK(InCluster("envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig",
                  R"("dns_cache_config": {"name": "c"})") == Found{});
}

TEST_CASE("a TypedStruct of a known type is read, another is opaque") {
  CHECK(
      InFilter(
          "xds.type.v3.TypedStruct",
          R"("type_url": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                    "value": {"cluster": "a"})") == Found{{"cluster/a"}});
  CHECK(InFilter("xds.type.v3.TypedStruct",
                 R"("type_url": "type.googleapis.com/foo.Bar", "value": {"cluster": "a"})") ==
        Found{{}, true});
}

TEST_CASE("an Any that is not known or not readable is opaque") {
  const TypeRegistry registry;
  const ResourceType& type = *registry.FindByShortName("cluster");
  for (const char* url : {"type.googleapis.com/no.such.Type",
                          "type.googleapis.com/envoy.config.cluster.v3.Cluster"}) {
    const auto message = Pool().New(Pool().FindMessage(type.message_name()));
    const auto child = [](google::protobuf::Message* parent, const char* field) {
      return parent->GetReflection()->MutableMessage(
          parent, parent->GetDescriptor()->FindFieldByName(field));
    };
    google::protobuf::Message* any = child(child(message.get(), "cluster_type"), "typed_config");
    any->GetReflection()->SetString(any, any->GetDescriptor()->FindFieldByName("type_url"), url);
    any->GetReflection()->SetString(any, any->GetDescriptor()->FindFieldByName("value"),
                                    "\xff\xff");
    const auto references = References(&Pool()).Of(type, message->SerializeAsString());
    REQUIRE(references.ok());
    CHECK(references->opaque);
    CHECK(references->names.empty());
  }
}

TEST_CASE("a body that is no message is refused") {
  const TypeRegistry registry;
  CHECK(References(&Pool()).Of(*registry.FindByShortName("cluster"), "\xff\xff").status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a secret that comes from this server is a reference") {
  CHECK(In("cluster", R"({"transport_socket": {"name": "tls", "typed_config": )" +
                          Typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                                R"("common_tls_context": {"tls_certificate_sds_secret_configs":
                                   [{"name": "s", "sds_config": {"ads": {}}}]})") +
                          "}}") == Found{{"secret/s"}});
  CHECK(In("cluster", R"({"transport_socket": {"name": "tls", "typed_config": )" +
                          Typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                                R"("common_tls_context": {"tls_certificate_sds_secret_configs":
                                   [{"name": "s", "sds_config":
                                     {"path_config_source": {"path": "/x"}}}]})") +
                          "}}") == Found{});
}

// Fields that have "cluster" in their name and name no cluster that a proxy must have, and why.
const std::vector<std::pair<std::string, std::string>>& Ignored() {
  static const auto* const kIgnored = new std::vector<std::pair<std::string, std::string>>{
      {R"(.*\.v2(alpha\d*)?\..*)", "the v2 API, which no Envoy accepts any more"},
      {R"(envoy\.(admin|service)\..*)", "what servers answer, not configuration"},
      {R"(envoy\.data\.(accesslog|cluster|core)\..*)", "what proxies log"},
      {R"(envoy\.config\.endpoint\.v3\.ClusterStats\..*)", "what proxies report"},
      {R"(envoy\.config\.endpoint\.v3\.ClusterLoadAssignment\.cluster_name)", "its own name"},
      {R"(envoy\.config\.core\.v3\.Node\.cluster)", "the node's own"},
      {R"(envoy\.config\.bootstrap\.v3\.ClusterManager\.local_cluster_name)", "bootstrap only"},
      {R"(envoy\.config\.core\.v3\.ApiConfigSource\.cluster_names)", "must be in the bootstrap"},
      {R"(envoy\.extensions\.filters\.http\.fault\.v3\.HTTPFault\.upstream_cluster)",
       "compared with, not used"},
      {R"(envoy\.extensions\.filters\.network\.reverse_tunnel\.v3\..*)", "the peer node's cluster"},
      {R"(envoy\.extensions\.clusters\.dynamic_modules\.v3\.ClusterConfig\.cluster_name)",
       "a name within the module"},
  };
  return *kIgnored;
}

TEST_CASE(
    "every string of Envoy's API that may name a cluster is in the table or ignored for a reason") {
  const std::vector<std::string> table = References::TableFields();
  const std::set<std::string> known(table.begin(), table.end());
  std::vector<std::string> missing;
  std::set<std::string> used;
  for (const std::string& name : Pool().MessageNames()) {
    const Descriptor* message = Pool().FindMessage(name);
    for (int i = 0; i < message->field_count(); ++i) {
      const FieldDescriptor* field = message->field(i);
      const bool text = field->type() == FieldDescriptor::TYPE_STRING ||
                        (field->is_map() &&
                         field->message_type()->map_key()->type() == FieldDescriptor::TYPE_STRING);
      if (!text || field->name().find("cluster") == std::string::npos) continue;
      if (known.count(field->full_name()) != 0) continue;
      const auto ignored = std::find_if(Ignored().begin(), Ignored().end(), [&](const auto& entry) {
        return std::regex_match(field->full_name(), std::regex(entry.first));
      });
      if (ignored == Ignored().end()) {
        missing.push_back(field->full_name());
      } else {
        used.insert(ignored->first);
      }
    }
  }
  CHECK(missing == std::vector<std::string>{});
  for (const auto& [pattern, reason] : Ignored()) {
    CAPTURE(pattern);
    CHECK(used.count(pattern) == 1);
  }
}

TEST_CASE("every row of the table is a field or a message of Envoy's API") {
  for (const std::string& row : References::TableFields()) {
    CAPTURE(row);
    const size_t dot = row.rfind('.');
    const Descriptor* message = Pool().FindMessage(row.substr(0, dot));
    const FieldDescriptor* field =
        message == nullptr ? nullptr : message->FindFieldByName(row.substr(dot + 1));
    if (field == nullptr) {
      CHECK(Pool().FindMessage(row) != nullptr);
    } else if (!field->is_map()) {
      CHECK(field->type() == FieldDescriptor::TYPE_STRING);
    }
  }
}

}  // namespace
}  // namespace signalbox
