#include "server/types/registry.h"

#include <catch2/catch.hpp>

#include "server/descriptors/kinds.h"
#include "tests/server/descriptors/pool.h"

namespace signalbox {
namespace {

TEST_CASE("the types, in push order, are what the protocol says") {
  struct Row {
    const char* short_name;
    const char* abbreviation;
    const char* type_url;
    const char* name_field;
    bool full_state_in_sotw;
    bool legacy_wildcard;
  };
  const std::vector<Row> rows = {
      {"runtime", "RTDS", "type.googleapis.com/envoy.service.runtime.v3.Runtime", "name", false,
       false},
      {"secret", "SDS", "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
       "name", false, false},
      {"cluster", "CDS", "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name", true, true},
      {"endpoints", "EDS", "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
       "cluster_name", false, false},
      {"lb-endpoint", "LEDS", "type.googleapis.com/envoy.config.endpoint.v3.LbEndpoint", "", false,
       false},
      {"extension-config", "ECDS", "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
       "name", false, false},
      {"listener", "LDS", "type.googleapis.com/envoy.config.listener.v3.Listener", "name", true,
       true},
      {"scoped-route", "SRDS", "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration",
       "name", true, true},
      {"route", "RDS", "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "name",
       false, false},
      {"virtual-host", "VHDS", "type.googleapis.com/envoy.config.route.v3.VirtualHost", "name",
       false, true},
  };
  const TypeRegistry registry;
  REQUIRE(registry.in_push_order().size() == rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const ResourceType& type = *registry.in_push_order()[i];
    CAPTURE(rows[i].short_name);
    CHECK(type.index() == static_cast<int>(i));
    CHECK(type.short_name() == rows[i].short_name);
    CHECK(type.abbreviation() == rows[i].abbreviation);
    CHECK(type.type_url() == rows[i].type_url);
    CHECK(type.name_field() == rows[i].name_field);
    CHECK(type.full_state_in_sotw() == rows[i].full_state_in_sotw);
    CHECK(type.legacy_wildcard() == rows[i].legacy_wildcard);
    CHECK(registry.FindByUrl(rows[i].type_url) == &type);
    CHECK(registry.FindByShortName(rows[i].short_name) == &type);

    const auto* message = testing::Pool().FindByTypeUrl(type.type_url());
    REQUIRE(message != nullptr);
    CHECK(message->full_name() == std::string(type.message_name()));
    if (!type.name_field().empty()) CHECK(message->FindFieldByName(rows[i].name_field) != nullptr);
    CHECK(type.delta_only() == (type.abbreviation() == "LEDS" || type.abbreviation() == "VHDS"));
  }
  CHECK(registry.short_names() ==
        std::vector<std::string>{"runtime", "secret", "cluster", "endpoints", "lb-endpoint",
                                 "extension-config", "listener", "scoped-route", "route",
                                 "virtual-host"});
}

TEST_CASE("what users may write and what is served is the same") {
  const TypeRegistry registry;
  for (const std::string& name : registry.short_names()) CHECK(FindKind(name) != nullptr);
  for (const Kind& kind : Kinds()) {
    const ResourceType* const type = registry.FindByShortName(kind.name);
    REQUIRE(type != nullptr);
    CHECK(type->secret() == kind.secret);
  }
}

TEST_CASE("what is not a type is not found") {
  const TypeRegistry registry;
  CHECK(registry.FindByUrl("type.googleapis.com/envoy.config.cluster.v3.Clusters") == nullptr);
  CHECK(registry.FindByUrl("") == nullptr);
  CHECK(registry.FindByShortName("Cluster") == nullptr);
}

}  // namespace
}  // namespace signalbox
