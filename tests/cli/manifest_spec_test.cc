#include "cli/manifest_spec.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "server/descriptors/json.h"
#include "tests/server/descriptors/pool.h"

namespace signalbox::cli {
namespace {

using google::protobuf::Struct;
using google::protobuf::util::MessageDifferencer;
using testing::Json;
using testing::Pool;

Struct Convert(const char* type, const std::string& yaml, std::vector<SpecError>* errors) {
  const YamlFile file = ReadYaml(yaml);
  for (const YamlError& error : file.errors) UNSCOPED_INFO(error.text);
  REQUIRE(file.errors.empty());
  REQUIRE(file.documents.size() == 1);
  return SpecToJson(Pool(), Pool().FindMessage(type), *file.documents[0], errors);
}

void CheckIs(const char* type, const std::string& yaml, const std::string& json) {
  std::vector<SpecError> errors;
  const Struct spec = Convert(type, yaml, &errors);
  for (const SpecError& error : errors) UNSCOPED_INFO(error.text);
  CHECK(errors.empty());
  std::string text;
  CHECK(google::protobuf::util::MessageToJsonString(spec, &text).ok());
  CAPTURE(yaml, json, text);
  CHECK(MessageDifferencer::Equals(spec, Json(json)));
}

constexpr char kCluster[] = "envoy.config.cluster.v3.Cluster";
constexpr char kListener[] = "envoy.config.listener.v3.Listener";
constexpr char kNode[] = "envoy.config.core.v3.Node";

TEST_CASE("a plain scalar is what its field holds") {
  CheckIs(
      kCluster,
      "name: 1.10\nalt_stat_name: yes\ntype: EDS\nconnect_timeout: 0.25s\nconnectTimeout: 5\n"
      "per_connection_buffer_limit_bytes: 0x100\nring_hash_lb_config: {minimum_ring_size: "
      "18446744073709551615}\n"
      "ignore_health_on_host_removal: on\nlb_policy: 3\n",
      R"({"name": "1.10", "alt_stat_name": "yes", "type": "EDS", "connect_timeout": "0.25s", "connectTimeout": "5",
              "per_connection_buffer_limit_bytes": 256,
              "ring_hash_lb_config": {"minimum_ring_size": "18446744073709551615"},
              "ignore_health_on_host_removal": true, "lb_policy": 3})");
}

TEST_CASE("a quoted scalar is a string everywhere") {
  CheckIs(
      kCluster,
      "per_connection_buffer_limit_bytes: '256'\nignore_health_on_host_removal: \"true\"\n",
      R"({"per_connection_buffer_limit_bytes": "256", "ignore_health_on_host_removal": "true"})");
}

TEST_CASE("lists, maps and what is null keep their shape") {
  CheckIs(
      "envoy.config.route.v3.RouteConfiguration",
      "internal_only_headers: [1, yes]\nvirtual_hosts:\n- domains: [1.10]\n  name:\nvhds: ~\nname: "
      "[]\n",
      R"({"internal_only_headers": ["1", "yes"], "virtual_hosts": [{"domains": ["1.10"], "name": null}],
              "vhds": null, "name": []})");
  CheckIs("signalbox.admin.v1.Resource", "labels: {1: 2, x: yes}\ngroups: []\n",
          R"({"labels": {"1": "2", "x": "yes"}, "groups": []})");
  CheckIs("signalbox.admin.v1.Resource", "labels: 5\ngroups: {a: 1}\n",
          R"({"labels": 5, "groups": {"a": 1}})");
  CheckIs(kListener, "filter_chains: 5\naddress: yes\n",
          R"({"filter_chains": 5, "address": "yes"})");
}

TEST_CASE("free-form fields and unknown ones follow YAML 1.2") {
  CheckIs(
      kNode, "metadata: {a: 1.10, b: [yes, true, 010, ~], c: '1'}\nno_such_field: {x: 1}\n",
      R"({"metadata": {"a": 1.1, "b": ["yes", true, 10, null], "c": "1"}, "no_such_field": {"x": 1}})");
}

TEST_CASE("within an Any fields are those of its type") {
  CheckIs(
      kListener,
      "filter_chains:\n- filters:\n  - typed_config:\n"
      "      stat_prefix: 1.10\n      access_log_flush_interval: 1\n      max_connect_attempts: "
      "0x2\n"
      "      '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy\n",
      R"({"filter_chains": [{"filters": [{"typed_config": {
              "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
              "stat_prefix": "1.10", "access_log_flush_interval": "1", "max_connect_attempts": 2}}]}]})");
  CheckIs(kListener,
          "filter_chains:\n- filters:\n  - typed_config: {'@type': "
          "type.googleapis.com/no.such.Type, a: 1.10}\n"
          "  - typed_config: {a: yes}\n  - typed_config: 5\n"
          "  - typed_config: {'@type': type.googleapis.com/google.protobuf.Duration, value: 1}\n"
          "  - typed_config: {'@type': type.googleapis.com/google.protobuf.StringValue, value: 1, "
          "x: 2}\n",
          R"({"filter_chains": [{"filters": [
              {"typed_config": {"@type": "type.googleapis.com/no.such.Type", "a": 1.1}},
              {"typed_config": {"a": "yes"}}, {"typed_config": 5},
              {"typed_config": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1"}},
              {"typed_config": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "1", "x": 2}}]}]})");
}

TEST_CASE("a TypedStruct of a known type has its fields, another is free") {
  CheckIs(
      kListener,
      "filter_chains:\n- filters:\n"
      "  - typed_config:\n      '@type': type.googleapis.com/xds.type.v3.TypedStruct\n"
      "      type_url: type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy\n"
      "      value: {stat_prefix: 1.10}\n"
      "  - typed_config:\n      '@type': type.googleapis.com/xds.type.v3.TypedStruct\n"
      "      type_url: type.googleapis.com/foo.Bar\n      value: {stat_prefix: 1.10}\n",
      R"({"filter_chains": [{"filters": [
              {"typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct",
                "type_url": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                "value": {"stat_prefix": "1.10"}}},
              {"typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct",
                "type_url": "type.googleapis.com/foo.Bar", "value": {"stat_prefix": 1.1}}}]}]})");
}

TEST_CASE("what cannot be passed on is named with its field and place") {
  std::vector<SpecError> errors;
  Convert(kCluster,
          "load_assignment:\n  endpoints:\n  - priority: 010\nmetadata:\n  filter_metadata:\n    "
          "envoy.lb: {a: "
          "[.inf]}\n",
          &errors);
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].path == "load_assignment.endpoints[0].priority");
  CHECK(errors[0].position == Position{3, 15});
  CHECK(errors[0].text ==
        "010 is octal to some readers of YAML and decimal to others; write 0o10 or 10");
  CHECK(errors[1].path == "metadata.filter_metadata[\"envoy.lb\"].a[0]");
  CHECK(errors[1].position == Position{6, 20});
}

// `levels` mappings within each other, each but the last in the one before.
std::string Nested(int levels) {
  std::string yaml = "metadata: ";
  for (int i = 1; i < levels; ++i) yaml += "{a: ";
  return yaml + "1" + std::string(static_cast<size_t>(levels - 1), '}');
}

TEST_CASE(
    "the deepest spec that is let through passes the wire, and a deeper one is refused here") {
  int levels = 1;
  std::vector<SpecError> errors;
  Struct deepest;
  for (;; ++levels) {
    Struct spec = Convert(kNode, Nested(levels), &errors);
    if (!errors.empty()) break;
    deepest = spec;
  }
  CHECK(levels > 25);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].text == "nested too deeply to be sent");

  // As the request has it: ApplyRequest.resources[0].spec.
  const auto* request_type = Pool().FindMessage("signalbox.admin.v1.ApplyRequest");
  const auto request = Pool().New(request_type);
  auto* resource = request->GetReflection()->AddMessage(request.get(),
                                                        request_type->FindFieldByName("resources"));
  auto* spec = resource->GetReflection()->MutableMessage(
      resource, resource->GetDescriptor()->FindFieldByName("spec"));
  REQUIRE(spec->ParsePartialFromString(deepest.SerializeAsString()));
  CHECK(Pool().Parse(request_type, request->SerializeAsString()).ok());
}

TEST_CASE("aliases cannot make a spec larger than any may be") {
  std::string yaml = "x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 9; ++i) {
    yaml += "x" + std::to_string(i) + ": &x" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) yaml += (j == 0 ? "*x" : ", *x") + std::to_string(i - 1);
    yaml += "]\n";
  }
  std::vector<SpecError> errors;
  Convert(kNode, yaml, &errors);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].text == "more than 1000000 values in one spec");
}

TEST_CASE("a listener in YAML becomes the message that its JSON becomes") {
  const char* yaml = R"(
name: ingress
address: {socket_address: {address: 0.0.0.0, port_value: 10000}}
filter_chains:
- filters:
  - name: envoy.filters.network.http_connection_manager
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: ingress
      stream_idle_timeout: 1.5s
      use_remote_address: yes
      rds: {route_config_name: r, config_source: {ads: {}, resource_api_version: V3}}
      http_filters:
      - name: envoy.filters.http.router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
)";
  const char* json =
      R"({"name": "ingress", "address": {"socket_address": {"address": "0.0.0.0", "port_value": 10000}},
    "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      "stat_prefix": "ingress", "stream_idle_timeout": "1.500s", "use_remote_address": true,
      "rds": {"route_config_name": "r", "config_source": {"ads": {}, "resource_api_version": "V3"}},
      "http_filters": [{"name": "envoy.filters.http.router", "typed_config":
        {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]})";
  const auto* type = Pool().FindMessage(kListener);
  std::vector<SpecError> errors;
  const auto one = MessageFromJson(Pool(), type, Convert(kListener, yaml, &errors), nullptr);
  const auto other = MessageFromJson(Pool(), type, Json(json), nullptr);
  REQUIRE(errors.empty());
  REQUIRE(one.ok());
  REQUIRE(other.ok());
  CHECK(SerializeDeterministic(**one) == SerializeDeterministic(**other));
}

}  // namespace
}  // namespace signalbox::cli
