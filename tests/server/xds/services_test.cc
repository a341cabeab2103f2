#include "server/xds/services.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/descriptors/descriptors.h"
#include "tests/server/descriptors/pool.h"

namespace signalbox {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// The options of a service or method as a message of the pool's own, with its extensions.
std::unique_ptr<Message> OptionsOf(const std::string& name, const Message& options) {
  auto parsed =
      testing::Pool().Parse(testing::Pool().FindMessage(name), options.SerializeAsString());
  REQUIRE(parsed.ok());
  return *std::move(parsed);
}

// A text field of a message extension of some options.
std::string TextOf(const Message& options, const std::string& extension, const std::string& field) {
  const FieldDescriptor* const outer = testing::Pool().FindExtension(extension);
  REQUIRE(outer != nullptr);
  const Message& inner = options.GetReflection()->GetMessage(options, outer);
  return inner.GetReflection()->GetString(inner, inner.GetDescriptor()->FindFieldByName(field));
}

const ServiceDescriptor* Find(absl::string_view name) {
  const google::protobuf::Descriptor* const any =
      testing::Pool().FindMessage("envoy.service.discovery.v3.DiscoveryRequest");
  return any->file()->pool()->FindServiceByName(std::string(name));
}

TEST_CASE("the table of services is what Envoy's API says", "[services]") {
  std::set<std::string> names;
  for (const DiscoveryService& service : DiscoveryServices()) {
    INFO(service.name);
    CHECK(names.insert(std::string(service.name)).second);
    const ServiceDescriptor* const described = Find(service.name);
    REQUIRE(described != nullptr);
    if (!service.message_name.empty()) {
      CHECK(testing::Pool().FindMessage(service.message_name) != nullptr);
      const auto options = OptionsOf("google.protobuf.ServiceOptions", described->options());
      const std::string type = TextOf(*options, "envoy.annotations.resource", "type");
      // VHDS and LEDS have more than the annotation says, or another spelling; their types exist.
      if (!service.rest_path.empty()) CHECK(type == service.message_name);
    }
    std::set<std::string> methods;
    for (int i = 0; i < described->method_count(); ++i) {
      const MethodDescriptor& method = *described->method(i);
      methods.insert(method.name());
      const bool delta = absl::StrContains(method.input_type()->name(), "Delta");
      if (!method.client_streaming()) {
        CHECK(method.name() == service.fetch_method);
        const auto options = OptionsOf("google.protobuf.MethodOptions", method.options());
        CHECK(TextOf(*options, "google.api.http", "post") == service.rest_path);
        continue;
      }
      CHECK(method.name() == (delta ? service.delta_method : service.sotw_method));
    }
    for (const absl::string_view method :
         {service.sotw_method, service.delta_method, service.fetch_method}) {
      CHECK((method.empty() || methods.contains(std::string(method))));
    }
    CHECK(service.fetch_method.empty() == service.rest_path.empty());
  }
  CHECK(names.size() == 11);
}

TEST_CASE("a method is found by its path", "[services]") {
  const auto clusters =
      FindDiscoveryMethod("/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters");
  REQUIRE(clusters.has_value());
  CHECK(clusters->variant == Variant::kSotw);
  CHECK(clusters->type_url == "type.googleapis.com/envoy.config.cluster.v3.Cluster");
  const auto any = FindDiscoveryMethod(
      "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources");
  REQUIRE(any.has_value());
  CHECK(any->variant == Variant::kDelta);
  CHECK(any->type_url == "");
  for (const char* path :
       {"", "/", "StreamClusters", "/envoy.service.cluster.v3.ClusterDiscoveryService",
        "/envoy.service.cluster.v3.ClusterDiscoveryService/",
        "/envoy.service.cluster.v3.ClusterDiscoveryService/FetchClusters",
        "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters/",
        "/envoy.service.route.v3.VirtualHostDiscoveryService/",
        "/envoy.service.route.v3.RouteDiscoveryService/StreamClusters"}) {
    INFO(path);
    CHECK_FALSE(FindDiscoveryMethod(path).has_value());
    CHECK_FALSE(WhyNotServed(path).empty());
  }
}

}  // namespace
}  // namespace signalbox
