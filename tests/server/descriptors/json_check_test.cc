#include "server/descriptors/json_check.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "server/descriptors/json.h"
#include "tests/server/descriptors/pool.h"

namespace signalbox {
namespace {

using testing::Json;
using testing::Pool;

std::vector<std::string> Errors(const char* type, const std::string& json) {
  const auto* descriptor = Pool().FindMessage(type);
  REQUIRE(descriptor != nullptr);
  std::vector<std::string> errors;
  for (const FieldError& error : CheckJson(Pool(), descriptor, Json(json)))
    errors.push_back(error.ToString());
  return errors;
}

constexpr char kCluster[] = "envoy.config.cluster.v3.Cluster";
constexpr char kListener[] = "envoy.config.listener.v3.Listener";
constexpr char kRoute[] = "envoy.config.route.v3.RouteConfiguration";
constexpr char kNode[] = "envoy.config.core.v3.Node";

struct Bad {
  const char* type;
  const char* json;
  std::vector<std::string> errors;
};

TEST_CASE("each error has the field's path as the user wrote it, and says what to do") {
  const std::vector<Bad> table = {
      // Names of fields
      {kCluster,
       R"({"nmae": "a"})",
       {R"(nmae: unknown field of envoy.config.cluster.v3.Cluster; did you mean "name"?)"}},
      {kCluster,
       R"({"connectTimout": "1s"})",
       {R"(connectTimout: unknown field of envoy.config.cluster.v3.Cluster; did you mean "connectTimeout"?)"}},
      {kCluster,
       R"({"zebra stripes": 1})",
       {R"(["zebra stripes"]: unknown field of envoy.config.cluster.v3.Cluster)"}},
      {kCluster,
       R"({"connect_timeout": "1s", "connectTimeout": "2s"})",
       {R"(connect_timeout: the same field as "connectTimeout": give it once)"}},
      {kListener,
       R"({"filterChains": [{}, {"filters": [{"nam": "x"}]}]})",
       {R"(filterChains[1].filters[0].nam: unknown field of envoy.config.listener.v3.Filter; did you mean "name"?)"}},
      // Kinds of values
      {kListener, R"({"filter_chains": {}})", {"filter_chains: expected a list, found an object"}},
      {kListener,
       R"({"filter_chains": ["x"]})",
       {R"(filter_chains[0]: expected an object (envoy.config.listener.v3.FilterChain), found the text "x")"}},
      {kListener,
       R"({"filter_chains": [null]})",
       {"filter_chains[0]: expected an object (envoy.config.listener.v3.FilterChain), found null"}},
      {kListener,
       R"({"address": []})",
       {"address: expected an object (envoy.config.core.v3.Address), found a list"}},
      {kListener, R"({"name": 5})", {"name: expected a string, found the number 5"}},
      {kListener, R"({"name": true})", {"name: expected a string, found true"}},
      {kListener, R"({"name": {}})", {"name: expected a string, found an object"}},
      {kListener,
       R"({"enable_reuse_port": "yes"})",
       {R"(enable_reuse_port: expected true or false, found the text "yes")"}},
      {kRoute,
       R"({"internal_only_headers": ["a", null]})",
       {"internal_only_headers[1]: expected a string, found null"}},
      // Numbers
      {kCluster,
       R"({"per_connection_buffer_limit_bytes": 1.5})",
       {"per_connection_buffer_limit_bytes: 1.5 is not a whole number"}},
      {kCluster,
       R"({"per_connection_buffer_limit_bytes": 4294967296})",
       {"per_connection_buffer_limit_bytes: 4294967296 is out of range: uint32 holds 0 to "
        "4294967295"}},
      {kCluster,
       R"({"per_connection_buffer_limit_bytes": -1})",
       {"per_connection_buffer_limit_bytes: -1 is out of range: uint32 holds 0 to 4294967295"}},
      {kCluster,
       R"({"per_connection_buffer_limit_bytes": "010"})",
       {R"(per_connection_buffer_limit_bytes: "010" is not a whole number)"}},
      {kCluster,
       R"({"per_connection_buffer_limit_bytes": "1e3"})",
       {R"(per_connection_buffer_limit_bytes: "1e3" is not a whole number)"}},
      {kCluster,
       R"({"per_connection_buffer_limit_bytes": "4294967296"})",
       {"per_connection_buffer_limit_bytes: 4294967296 is out of range: uint32 holds 0 to "
        "4294967295"}},
      {kCluster,
       R"({"per_connection_buffer_limit_bytes": []})",
       {"per_connection_buffer_limit_bytes: expected a whole number, found a list"}},
      {kCluster,
       R"({"ring_hash_lb_config": {"minimum_ring_size": 9007199254740994}})",
       {"ring_hash_lb_config.minimum_ring_size: 9007199254740994 is more than a JSON number holds "
        "exactly: "
        "write it in quotes"}},
      {kCluster,
       R"({"ring_hash_lb_config": {"minimum_ring_size": "18446744073709551616"}})",
       {"ring_hash_lb_config.minimum_ring_size: 18446744073709551616 is out of range: uint64 holds "
        "0 to "
        "18446744073709551615"}},
      {"envoy.type.v3.Percent", R"({"value": "much"})", {R"(value: "much" is not a number)"}},
      {"envoy.type.v3.Percent", R"({"value": []})", {"value: expected a number, found a list"}},
      // Enumerations
      {kCluster,
       R"({"lb_policy": "ROUND_ROBN"})",
       {R"(lb_policy: unknown value "ROUND_ROBN" of envoy.config.cluster.v3.Cluster.LbPolicy; did you mean "ROUND_ROBIN"?)"}},
      {kCluster,
       R"({"lb_policy": "round_robin"})",
       {R"(lb_policy: unknown value "round_robin" of envoy.config.cluster.v3.Cluster.LbPolicy; did you mean "ROUND_ROBIN"?)"}},
      {kCluster,
       R"({"lb_policy": 4711})",
       {"lb_policy: unknown value 4711 of envoy.config.cluster.v3.Cluster.LbPolicy"}},
      {kCluster,
       R"({"lb_policy": 0.5})",
       {"lb_policy: unknown value 0.5 of envoy.config.cluster.v3.Cluster.LbPolicy"}},
      {kCluster,
       R"({"lb_policy": true})",
       {"lb_policy: expected the name of an enum value, found true"}},
      // Texts with a form
      {kCluster,
       R"({"connect_timeout": "5 s"})",
       {R"(connect_timeout: "5 s" is not a duration: write seconds and "s", at most 9 decimals, such as "0.25s")"}},
      {kCluster,
       R"({"connect_timeout": "250ms"})",
       {R"(connect_timeout: "250ms" is not a duration: write seconds and "s", at most 9 decimals, such as "0.25s")"}},
      {kCluster,
       R"({"connect_timeout": "1.0000000001s"})",
       {R"(connect_timeout: "1.0000000001s" is not a duration: write seconds and "s", at most 9 decimals, such as "0.25s")"}},
      {kCluster,
       R"({"connect_timeout": "315576000001s"})",
       {R"(connect_timeout: "315576000001s" is out of range: a duration is at most 315576000000s)"}},
      {kCluster,
       R"({"connect_timeout": 5})",
       {R"(connect_timeout: expected a duration such as "0.25s", found the number 5)"}},
      {"envoy.config.core.v3.DataSource",
       R"({"inline_bytes": "%%%"})",
       {R"(inline_bytes: "%%%" is not base64)"}},
      {"envoy.config.core.v3.DataSource",
       R"({"inline_bytes": 1})",
       {"inline_bytes: expected bytes in base64, found the number 1"}},
      {"envoy.admin.v3.ServerInfo",
       R"({"node": 1})",
       {"node: expected an object (envoy.config.core.v3.Node), found the number 1"}},
      {"signalbox.admin.v1.RevisionInfo",
       R"({"time": "yesterday"})",
       {R"(time: "yesterday" is not a time such as "2006-01-02T15:04:05Z")"}},
      {"signalbox.admin.v1.RevisionInfo",
       R"({"time": 5})",
       {R"(time: expected a time such as "2006-01-02T15:04:05Z", found the number 5)"}},
      // One of several
      {kRoute,
       R"({"virtual_hosts": [{"routes": [{"route": {"cluster": "a", "cluster_header": "b"}}]}]})",
       {R"(virtual_hosts[0].routes[0].route.cluster_header: excludes "cluster": give one of them)"}},
      // Maps
      {kNode,
       R"({"dynamic_parameters": []})",
       {"dynamic_parameters: expected an object of keys and values, found a list"}},
      {"signalbox.admin.v1.Resource",
       R"({"labels": {"a b": 1, "c": null}})",
       {R"(labels["a b"]: expected a string, found the number 1)",
        "labels.c: expected a string, found null"}},
      // Free form
      {kNode,
       R"({"metadata": []})",
       {"metadata: expected an object (google.protobuf.Struct), found a list"}},
      // Any
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config": {"stat_prefix": "a"}}]}]})",
       {R"(filter_chains[0].filters[0].typed_config: has no "@type", such as "type.googleapis.com/envoy.extensions…": )"
        "it says what the rest is"}},
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config": {}}]}]})",
       {R"(filter_chains[0].filters[0].typed_config: has no "@type", such as "type.googleapis.com/envoy.extensions…": )"
        "it says what the rest is"}},
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config": {"@type": 3}}]}]})",
       {"filter_chains[0].filters[0].typed_config.@type: expected a string, found the number 3"}},
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config":
            {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Routre"}}]}]})",
       {R"(filter_chains[0].filters[0].typed_config.@type: unknown type )"
        R"("type.googleapis.com/envoy.extensions.filters.http.router.v3.Routre"; )"
        R"(did you mean "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"?)"}},
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config":
            {"@type": "type.googleapis.com/envoy.filters.http.router.v3.Router"}}]}]})",
       {R"(filter_chains[0].filters[0].typed_config.@type: unknown type )"
        R"("type.googleapis.com/envoy.filters.http.router.v3.Router"; )"
        R"(did you mean "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"?)"}},
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config":
            {"@type": "envoy.extensions.filters.http.router.v3.Router"}}]}]})",
       {R"(filter_chains[0].filters[0].typed_config.@type: "envoy.extensions.filters.http.router.v3.Router" is not a )"
        R"(type URL: it must begin with "type.googleapis.com/"; )"
        R"(did you mean "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"?)"}},
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config": {"@type": "type.googleapis.com/xyzzy"}}]}]})",
       {R"(filter_chains[0].filters[0].typed_config.@type: unknown type "type.googleapis.com/xyzzy")"}},
      {kListener,
       R"({"filter_chains": [{"filters": [{"name": "hcm", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "statPrefiX": "in",
            "http_filters": [{"name": "router", "typedConfig": {
              "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router", "dynamic_stat": true}}]}}]}]})",
       {"filter_chains[0].filters[0].typed_config.http_filters[0].typedConfig.dynamic_stat: "
        "unknown field of "
        R"(envoy.extensions.filters.http.router.v3.Router; did you mean "dynamic_stats"?)",
        "filter_chains[0].filters[0].typed_config.statPrefiX: unknown field of "
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager; "
        R"(did you mean "statPrefix"?)"}},
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config":
            {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "x"}}]}]})",
       {R"(filter_chains[0].filters[0].typed_config.value: "x" is not a duration: write seconds and "s", )"
        R"(at most 9 decimals, such as "0.25s")"}},
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config":
            {"@type": "type.googleapis.com/google.protobuf.Struct", "a": "x"}}]}]})",
       {R"(filter_chains[0].filters[0].typed_config.a: unknown field: beside "@type", google.protobuf.Struct has )"
        R"(only "value" here)",
        R"(filter_chains[0].filters[0].typed_config: has no "value", which holds the google.protobuf.Struct)"}},
      // TypedStruct of a known type
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct",
            "type_url": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "value": {"dynamic_stat": true}}}]}]})",
       {"filter_chains[0].filters[0].typed_config.value.dynamic_stat: unknown field of "
        R"(envoy.extensions.filters.http.router.v3.Router; did you mean "dynamic_stats"?)"}},
  };
  for (const Bad& bad : table) {
    CAPTURE(bad.json);
    CHECK(Errors(bad.type, bad.json) == bad.errors);
  }
}

TEST_CASE("what proto3 JSON allows is allowed") {
  const std::vector<std::pair<const char*, const char*>> table = {
      {kCluster, R"({"name": "a", "connectTimeout": "0.25s", "lb_policy": 1, "type": "EDS"})"},
      {kCluster,
       R"({"name": null, "connect_timeout": null, "lb_policy": null, "load_assignment": null})"},
      {kCluster, R"({"connect_timeout": "-1s"})"},
      {kCluster, R"({"connect_timeout": "0.000000001s"})"},
      {kCluster, R"({"per_connection_buffer_limit_bytes": "4294967295"})"},
      {kCluster, R"({"per_connection_buffer_limit_bytes": 1e3})"},
      {kCluster,
       R"({"ring_hash_lb_config": {"minimum_ring_size": "18446744073709551615", "maximum_ring_size": 9007199254740992}})"},
      {"envoy.type.v3.Percent", R"({"value": "Infinity"})"},
      {"envoy.type.v3.Percent", R"({"value": "1.5"})"},
      {"envoy.config.core.v3.DataSource", R"({"inline_bytes": "aGk="})"},
      {"envoy.config.core.v3.DataSource", R"({"inline_bytes": "_-8"})"},
      {"signalbox.admin.v1.RevisionInfo",
       R"({"time": "2024-02-29T12:00:00.5+02:00", "revision": "7"})"},
      {kNode, R"({"metadata": {"a": [1, null, {"b": true}], "@type": 5}})"},
      {kRoute,
       R"({"virtual_hosts": [{"routes": [{"route": {"cluster": "a", "cluster_header": null}}]}]})"},
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct",
                      "type_url": "type.googleapis.com/foo.Bar", "value": {"a": [1, "x", null]}}}]}]})"},
      {kListener,
       R"({"filter_chains": [{"filters": [{"typed_config": {"@type": "type.googleapis.com/google.protobuf.Any",
                      "value": {"@type": "type.googleapis.com/google.protobuf.Struct", "value": {"a": {}}}}}]}]})"},
  };
  for (const auto& [type, json] : table) {
    CAPTURE(json);
    CHECK(Errors(type, json) == std::vector<std::string>{});
    CHECK(MessageFromJson(Pool(), Pool().FindMessage(type), Json(json), nullptr).ok());
  }
}

TEST_CASE("a float does not hold what a double holds") {
  CHECK(Errors(kListener, R"({"filter_chains": [{"filters": [{"typed_config":
            {"@type": "type.googleapis.com/google.protobuf.FloatValue", "value": 1e300}}]}]})") ==
        std::vector<std::string>{
            "filter_chains[0].filters[0].typed_config.value: 1e+300 is out of range of a float"});
}

TEST_CASE("no more errors are reported than anyone reads") {
  std::string json = R"({"filter_chains": [)";
  for (int i = 0; i < 100; ++i) json += R"({"nam": "x"},)";
  json.back() = ']';
  CHECK(Errors(kListener, json + "}").size() == kMaxFieldErrors);
}

TEST_CASE("what has no end is an error, not a crash") {
  google::protobuf::Struct json;
  google::protobuf::Struct* at = &json;
  for (int i = 0; i < 500; ++i) {
    at = (*at->mutable_fields())["metadata"].mutable_struct_value();
  }
  const auto errors = CheckJson(Pool(), Pool().FindMessage(kNode), json);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].description == "nested deeper than 100 levels");
}

TEST_CASE("a value that holds nothing, or what JSON lacks, is an error") {
  google::protobuf::Struct json;
  (*(*json.mutable_fields())["metadata"].mutable_struct_value()->mutable_fields())["a"];
  (*(*json.mutable_fields())["metadata"].mutable_struct_value()->mutable_fields())["b"]
      .set_number_value(HUGE_VAL);
  (*json.mutable_fields())["id"];
  const auto errors = CheckJson(Pool(), Pool().FindMessage(kNode), json);
  REQUIRE(errors.size() == 3);
  CHECK(errors[0].ToString() == "id: expected a string, found nothing");
  CHECK(errors[1].ToString() == "metadata.a: has no value");
  CHECK(errors[2].ToString() == "metadata.b: is a number that JSON cannot write");
}

TEST_CASE("a long text is shown by its beginning") {
  CHECK(
      Errors(kCluster, R"({"connect_timeout": ")" + std::string(100, 'x') + R"("})") ==
      std::vector<std::string>{
          "connect_timeout: \"" + std::string(60, 'x') +
          "…\" is not a duration: write seconds and \"s\", at most 9 decimals, such as \"0.25s\""});
}

}  // namespace
}  // namespace signalbox
