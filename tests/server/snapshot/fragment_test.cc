#include "server/snapshot/fragment.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "base/hash.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox {
namespace {

using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using envoy::service::discovery::v3::DiscoveryResponse;

constexpr char kUrl[] = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

std::unique_ptr<Fragment> Make(const std::string& name, const std::string& body) {
  return std::make_unique<Fragment>(kUrl, name, body, Sha256(body), ResourceReferences{});
}

TEST_CASE("a fragment's delta form is one Resource of a DeltaDiscoveryResponse", "[fragment]") {
  // Lengths around where a varint grows.
  for (const size_t size :
       {0, 1, 30, 60, 126, 127, 128, 129, 200, 16200, 16383, 16384, 70000, 2097152}) {
    CAPTURE(size);
    const std::string body(size, 'x');
    const auto fragment = Make("name", body);
    DeltaDiscoveryResponse response;
    REQUIRE(response.ParseFromString(std::string(fragment->delta_form())));
    REQUIRE(response.resources_size() == 1);
    CHECK(response.resources(0).name() == "name");
    CHECK(response.resources(0).version() == fragment->version());
    CHECK(response.resources(0).resource().type_url() == kUrl);
    CHECK((response.resources(0).resource().value() == body));
    CHECK_FALSE(response.resources(0).has_ttl());
    CHECK((fragment->body() == body));
  }
}

TEST_CASE("a fragment's SotW form is one Any of a DiscoveryResponse", "[fragment]") {
  for (const size_t size : {0, 1, 70, 127, 128, 16384}) {
    CAPTURE(size);
    const std::string body(size, 'x');
    const auto fragment = Make(std::string(200, 'n'), body);
    DiscoveryResponse response;
    REQUIRE(response.ParseFromString(std::string(fragment->sotw_form())));
    REQUIRE(response.resources_size() == 1);
    CHECK(response.resources(0).type_url() == kUrl);
    CHECK((response.resources(0).value() == body));
  }
}

TEST_CASE("what stands one after the other parses as one message", "[fragment]") {
  const auto a = Make("a", "1"), b = Make("", ""), c = Make("c", std::string(300, '3'));
  DeltaDiscoveryResponse delta;
  REQUIRE(delta.ParseFromString(std::string(a->delta_form()) + std::string(b->delta_form()) +
                                std::string(c->delta_form())));
  CHECK(delta.resources_size() == 3);
  CHECK(delta.resources(1).name().empty());
  CHECK_FALSE(delta.resources(1).version().empty());
  DiscoveryResponse sotw;
  REQUIRE(sotw.ParseFromString(std::string(a->sotw_form()) + std::string(b->sotw_form()) +
                               std::string(c->sotw_form())));
  CHECK(sotw.resources_size() == 3);
}

TEST_CASE("a version is made of the body alone, an identity of name and version (XDS D10)",
          "[fragment]") {
  CHECK(Make("a", "1")->version() == Make("b", "1")->version());
  CHECK(Make("a", "1")->version() != Make("a", "2")->version());
  CHECK(Make("a", "1")->identity() == Make("a", "1")->identity());
  CHECK(Make("a", "1")->identity() != Make("b", "1")->identity());
  CHECK(Make("a", "1")->identity() != Make("a", "2")->identity());
  CHECK(Make("a", "")->version().size() == 32);
  // Of the bytes "1": the same on every instance and for ever.
  CHECK(Make("a", "1")->version() == "6b86b273ff34fce19d6b804eff5a3f57");
}

TEST_CASE("how a resource is served is part of its version (XDS D10)", "[fragment]") {
  const auto version = [](const ResourceSettings& settings) {
    return Fragment(kUrl, "a", "1", Sha256("1"), {}, {}, settings).version();
  };
  CHECK(version({}) == Make("a", "1")->version());
  CHECK(version({.ttl = absl::Seconds(3)}) != version({}));
  CHECK(version({.ttl = absl::Seconds(3)}) != version({.ttl = absl::Seconds(4)}));
  CHECK(version({.on_demand = true}) != version({}));
  CHECK(version({.ttl = absl::Seconds(3)}) == VersionOf(Sha256("1"), {.ttl = absl::Seconds(3)}));
  CHECK(version({.ttl = absl::Seconds(3)}).size() == 32);
}

TEST_CASE("fields can be put before what all streams share of a Resource", "[fragment]") {
  const auto fragment = Make("name", std::string(200, 'x'));
  std::string fields, bytes;
  AppendField(4, "alias", &fields);
  AppendFieldHead(2, fields.size() + fragment->resource_form().size(), &bytes);
  bytes += fields + std::string(fragment->resource_form());
  DeltaDiscoveryResponse response;
  REQUIRE(response.ParseFromString(bytes));
  REQUIRE(response.resources_size() == 1);
  CHECK(response.resources(0).aliases(0) == "alias");
  CHECK(response.resources(0).name() == "name");
  CHECK(response.resources(0).resource().value() == std::string(200, 'x'));
}

TEST_CASE("real messages of all four types go through both forms", "[fragment]") {
  testing::XdsBodies bodies;
  for (const ResourceType* type : bodies.registry().in_push_order()) {
    const FragmentPtr fragment = bodies.Make(type->short_name(), "n", "1");
    DiscoveryResponse sotw;
    REQUIRE(sotw.ParseFromString(std::string(fragment->sotw_form())));
    CHECK(sotw.resources(0).type_url() == type->type_url());
    const auto message = bodies.descriptors().Parse(
        bodies.descriptors().FindByTypeUrl(type->type_url()), sotw.resources(0).value());
    CHECK(message.ok());
  }
}

}  // namespace
}  // namespace signalbox
