#include "server/descriptors/json.h"

#include <google/protobuf/util/message_differencer.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/server/descriptors/pool.h"

namespace signalbox {
namespace {

using google::protobuf::Struct;
using google::protobuf::util::MessageDifferencer;
using testing::Json;
using testing::Pool;

// A listener as one would run it.
constexpr char kListenerJson[] = R"({
  "name": "ingress",
  "address": {"socket_address": {"address": "0.0.0.0", "port_value": 10000}},
  "metadata": {"filter_metadata": {"envoy.lb": {"a": 1, "b": [true, null, {"c": "d"}]}, "x": {}}},
  "filter_chains": [{
    "filter_chain_match": {"server_names": ["a.example", "b.example"]},
    "filters": [{
      "name": "envoy.filters.network.http_connection_manager",
      "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress",
        "codec_type": "HTTP2",
        "stream_idle_timeout": "1.500s",
        "use_remote_address": true,
        "max_request_headers_kb": 96,
        "access_log": [{
          "name": "envoy.access_loggers.stdout",
          "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"json_format": {"method": "%REQ(:METHOD)%", "status": "%RESPONSE_CODE%"}}
          }
        }],
        "route_config": {
          "name": "local",
          "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [
              {"match": {"prefix": "/a"}, "route": {"cluster": "a", "timeout": "3s", "retry_policy": {"num_retries": 3}}},
              {"match": {"safe_regex": {"regex": "/b/[0-9]+"}},
               "route": {"weighted_clusters": {"clusters": [{"name": "b", "weight": 90}, {"name": "c", "weight": 10}]}}},
              {"match": {"path": "/c"}, "direct_response": {"status": 404, "body": {"inline_string": "no"}},
               "typed_per_filter_config": {"envoy.filters.http.lua": {
                 "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute", "disabled": true}}}
            ]
          }]
        },
        "http_filters": [
          {"name": "envoy.filters.http.ext_authz", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "grpc_service": {"envoy_grpc": {"cluster_name": "authz"}, "timeout": "0.250s"}}},
          {"name": "custom", "typed_config": {
            "@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": "type.googleapis.com/foo.Bar",
            "value": {"a": [1, "x", null]}}},
          {"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router", "dynamic_stats": true}}
        ]
      }
    }]
  }]
})";

const google::protobuf::Descriptor* Listener() {
  return Pool().FindMessage("envoy.config.listener.v3.Listener");
}

TEST_CASE("a listener of real size survives the way to a message and back") {
  const auto message = MessageFromJson(Pool(), Listener(), Json(kListenerJson), nullptr);
  REQUIRE(message.ok());
  const auto json = MessageToJson(Pool(), **message);
  REQUIRE(json.ok());
  std::string difference;
  MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  const bool equal = differencer.Compare(Json(kListenerJson), *json);
  INFO(difference);
  CHECK(equal);

  const auto again = MessageFromJson(Pool(), Listener(), *json, nullptr);
  REQUIRE(again.ok());
  CHECK(SerializeDeterministic(**again) == SerializeDeterministic(**message));
}

TEST_CASE("a body that was written is read and written the same") {
  const auto message = MessageFromJson(Pool(), Listener(), Json(kListenerJson), nullptr);
  REQUIRE(message.ok());
  const std::string body = SerializeDeterministic(**message);
  const auto read = Pool().Parse(Listener(), body);
  REQUIRE(read.ok());
  CHECK(SerializeDeterministic(**read) == body);
}

TEST_CASE("both namings and every order of keys give the same bytes") {
  const auto bytes = [](const char* text) {
    const auto message = MessageFromJson(
        Pool(), Pool().FindMessage("envoy.config.cluster.v3.Cluster"), Json(text), nullptr);
    REQUIRE(message.ok());
    return SerializeDeterministic(**message);
  };
  const std::string snake =
      bytes(R"({"name": "a", "connect_timeout": "1s", "typed_extension_protocol_options": {
      "x": {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "common_http_protocol_options": {"idle_timeout": "1s"},
            "explicit_http_config": {"http2_protocol_options": {}}},
      "y": {"@type": "type.googleapis.com/google.protobuf.Empty"}}})");
  const std::string camel = bytes(R"({"typedExtensionProtocolOptions": {
      "y": {"@type": "type.googleapis.com/google.protobuf.Empty"},
      "x": {"explicitHttpConfig": {"http2ProtocolOptions": {}},
            "commonHttpProtocolOptions": {"idleTimeout": "1.000s"},
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"}},
      "connectTimeout": "1.0s", "name": "a"})");
  CHECK(snake == camel);
}

TEST_CASE("numbers of 64 bits keep every digit") {
  const auto* type = Pool().FindMessage("envoy.config.cluster.v3.Cluster");
  const auto message = MessageFromJson(
      Pool(), type, Json(R"({"ring_hash_lb_config": {"minimum_ring_size": "9007199254740993"}})"),
      nullptr);
  REQUIRE(message.ok());
  const auto text = MessageToJsonText(Pool(), **message);
  REQUIRE(text.ok());
  CHECK(*text == R"({"ring_hash_lb_config":{"minimum_ring_size":"9007199254740993"}})");
}

TEST_CASE("large whole numbers of 32 bits arrive as they are") {
  const auto* type = Pool().FindMessage("envoy.config.cluster.v3.Cluster");
  for (const uint32_t number : {4294967295u, 1000000000u, 4000000000u}) {
    Struct json;
    (*json.mutable_fields())["per_connection_buffer_limit_bytes"].set_number_value(number);
    const auto message = MessageFromJson(Pool(), type, json, nullptr);
    REQUIRE(message.ok());
    CHECK(MessageToJsonText(Pool(), **message).value() ==
          R"({"per_connection_buffer_limit_bytes":)" + std::to_string(number) + "}");
  }
}

TEST_CASE("the status has the first error and how many follow; the list has all") {
  std::vector<FieldError> errors;
  const auto message =
      MessageFromJson(Pool(), Listener(), Json(R"({"a1": 1, "nmae": "x", "address": 5})"), &errors);
  CHECK(message.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(message.status().message() ==
        "a1: unknown field of envoy.config.listener.v3.Listener (and 2 more)");
  CHECK(
      errors ==
      std::vector<FieldError>{
          {"a1", "unknown field of envoy.config.listener.v3.Listener"},
          {"address", "expected an object (envoy.config.core.v3.Address), found the number 5"},
          {"nmae", "unknown field of envoy.config.listener.v3.Listener; did you mean \"name\"?"}});
}

TEST_CASE("what only protobuf's converter refuses is still an error of the resource") {
  std::vector<FieldError> errors;
  const auto message =
      MessageFromJson(Pool(), Pool().FindMessage("signalbox.admin.v1.RevisionInfo"),
                      Json(R"({"time": "0000-01-01T00:00:00Z"})"), &errors);
  CHECK(message.status().code() == absl::StatusCode::kInvalidArgument);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].path.empty());
  CHECK_FALSE(errors[0].description.empty());
}

TEST_CASE("a message with an Any of an unknown type cannot be written as JSON") {
  const auto* type = Pool().FindMessage("envoy.config.core.v3.TypedExtensionConfig");
  const auto message = Pool().New(type);
  const auto* reflection = message->GetReflection();
  google::protobuf::Message* any =
      reflection->MutableMessage(message.get(), type->FindFieldByName("typed_config"));
  any->GetReflection()->SetString(any, any->GetDescriptor()->FindFieldByName("type_url"),
                                  "type.googleapis.com/no.such.Type");
  any->GetReflection()->SetString(any, any->GetDescriptor()->FindFieldByName("value"), "x");
  CHECK(MessageToJson(Pool(), *message).status().code() == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace signalbox
