#include "server/http/rest_discovery.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "server/snapshot/snapshot_cache.h"
#include "storage/model/resource.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox {
namespace {

using testing::XdsBodies;

XdsBodies& Bodies() {
  static auto* const bodies = new XdsBodies();
  return *bodies;
}

// What answers, over what the test publishes.
struct Server {
  void Publish(const std::vector<XdsBodies::Spec>& specs, bool unproven = false) {
    auto next = std::make_shared<Snapshot>();
    next->group = {std::string(kDefaultNamespace), std::string(kDefaultGroup)};
    next->revision = Revision{1};
    next->unproven = unproven;
    for (const ResourceType* type : Bodies().registry().in_push_order()) {
      std::vector<FragmentPtr> fragments;
      for (const XdsBodies::Spec& spec : specs) {
        if (spec.type == type->short_name()) fragments.push_back(Bodies().Make(spec));
      }
      next->types.push_back(TypeSet::Of(std::move(fragments)));
    }
    cache.Publish(next);
  }

  // A request with node.id and these fields, without the braces.
  RestDiscovery::Answer Post(const std::string& path, const std::string& fields) const {
    return rest.Post(
        absl::StrCat("/v3/discovery:", path),
        absl::StrCat(R"({"node":{"id":"n1"})", fields.empty() ? "" : ",", fields, "}"));
  }

  SnapshotCache cache;
  const RestDiscovery rest{&Bodies().descriptors(), &Bodies().registry(), &cache, "test-server"};
};

Json Read(const RestDiscovery::Answer& answer) {
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  const auto json = Json::Parse(answer.body);
  REQUIRE(json.ok());
  return *json;
}

std::string TextOf(const Json& json, absl::string_view field) {
  const Json* const value = json.Find(field);
  return value == nullptr ? "" : value->text();
}

// The names of the resources, joined.
std::string NamesIn(const RestDiscovery::Answer& answer, absl::string_view field = "name") {
  std::string names;
  const Json json = Read(answer);
  const Json* const resources = json.Find("resources");
  if (resources == nullptr) return names;
  for (const Json& resource : resources->elements()) names += TextOf(resource, field);
  return names;
}

TEST_CASE("a proxy gets what it should have, and then that it has it (XDS R-1)", "[rest]") {
  Server server;
  server.Publish({{"cluster", "b", "1", {}}, {"cluster", "a", "1", {}}});
  const RestDiscovery::Answer all = server.Post("clusters", "");
  CHECK(NamesIn(all) == "ab");
  const Json json = Read(all);
  CHECK(TextOf(json, "type_url") == "type.googleapis.com/envoy.config.cluster.v3.Cluster");
  CHECK(TextOf(*json.Find("control_plane"), "identifier") == "test-server");
  CHECK(TextOf(json.Find("resources")->elements()[0], "@type") == TextOf(json, "type_url"));
  const std::string version = TextOf(json, "version_info");
  CHECK_FALSE(version.empty());

  // Either name of a field is taken.
  for (const char* name : {"version_info", "versionInfo"}) {
    const auto current =
        server.Post("clusters", absl::StrCat(R"(")", name, R"(":")", version, R"(")"));
    CHECK(current.status == 304);
    CHECK(current.body == "");
  }
  server.Publish({{"cluster", "a", "2", {}}});
  CHECK(NamesIn(server.Post("clusters", absl::StrCat(R"("version_info":")", version, R"(")"))) ==
        "a");
}

TEST_CASE("a version is of the names that were asked for", "[rest][D10]") {
  Server server;
  server.Publish({{"endpoints", "a", "1", {}}, {"endpoints", "b", "1", {}}});
  const auto first = server.Post("endpoints", R"("resource_names":["a","missing","a"])");
  CHECK(NamesIn(first, "cluster_name") == "a");
  const std::string current = absl::StrCat(R"("resource_names":["a","missing"],"version_info":")",
                                           TextOf(Read(first), "version_info"), R"(")");
  CHECK(server.Post("endpoints", current).status == 304);
  // Another one changes; then one comes that was missing.
  server.Publish({{"endpoints", "a", "1", {}}, {"endpoints", "b", "2", {}}});
  CHECK(server.Post("endpoints", current).status == 304);
  server.Publish({{"endpoints", "a", "1", {}}, {"endpoints", "missing", "1", {}}});
  CHECK(NamesIn(server.Post("endpoints", current), "cluster_name") == "amissing");
}

TEST_CASE("a name of the form xdstp:// is found in any of its spellings (XDS X1)", "[rest]") {
  Server server;
  server.Publish({{"cluster", "xdstp://a/envoy.config.cluster.v3.Cluster/c?a=1&b=2", "1", {}}});
  const auto answer = server.Post(
      "clusters", R"("resource_names":["xdstp://a/envoy.config.cluster.v3.Cluster/c?b=2&a=1"])");
  CHECK(NamesIn(answer) == "xdstp://a/envoy.config.cluster.v3.Cluster/c?a=1&b=2");
}

TEST_CASE("without names only listeners and clusters mean all", "[rest][W7]") {
  Server server;
  server.Publish({{"cluster", "a", "1", {}},
                  {"endpoints", "a", "1", {}},
                  {"listener", "l", "1", {}},
                  {"route", "r", "1", {}}});
  CHECK(NamesIn(server.Post("clusters", "")) == "a");
  CHECK(NamesIn(server.Post("listeners", "")) == "l");
  CHECK(NamesIn(server.Post("routes", "")) == "");
  CHECK(NamesIn(server.Post("endpoints", R"("resource_names":[])")) == "");
  CHECK(NamesIn(server.Post("routes", R"("resource_names":["*"])")) == "r");
  CHECK(NamesIn(server.Post("clusters", R"("resource_names":["z"])")) == "");
}

TEST_CASE("what cannot be answered says why (XDS R-1)", "[rest]") {
  Server server;
  CHECK(server.Post("clusters", "").status == 503);
  server.Publish({});
  struct Case {
    const char* path;
    std::string body;
    int status;
    const char* words;
  };
  const Case cases[] = {
      {"/v3/discovery:clusters", "{", 400, "not a DiscoveryRequest"},
      {"/v3/discovery:clusters", "", 400, "not a DiscoveryRequest"},
      {"/v3/discovery:clusters", "[]", 400, "not a DiscoveryRequest"},
      {"/v3/discovery:clusters", "{}", 400, "node.id is missing"},
      {"/v3/discovery:clusters", R"({"node":{"id":"n"},"resource_names":[{}]})", 400,
       "not a DiscoveryRequest"},
      {"/v3/discovery:clusters", R"({"node":{"id":"n"},"version_info":1})", 400, "is no text"},
      {"/v3/discovery:clusters", R"({"node":{"id":"n"},"resource_names":"a"})", 400, "is no list"},
      {"/v3/discovery:clusters", R"({"node":{"id":"n"},"typeUrl":"","type_url":""})", 400,
       "is there twice"},
      {"/v3/discovery:clusters",
       R"({"node":{"id":"n"},"type_url":"type.googleapis.com/envoy.config.listener.v3.Listener"})",
       400, "another one than the path's"},
      {"/v3/discovery:clusters",
       absl::StrCat(R"({"node":{"id":"n"},"resource_names":[")", std::string(4097, 'x'), R"("]})"),
       400, "longer than 4096"},
      {"/v3/discovery:nothing", "{}", 404, "there is no"},
      {"", "{}", 404, "there is no"},
      {"/v3/discovery:secrets", R"({"node":{"id":"n"}})", 403, "over gRPC"},
  };
  for (const Case& c : cases) {
    INFO(c.path << " " << c.body);
    const RestDiscovery::Answer answer = server.rest.Post(c.path, c.body);
    CHECK(answer.status == c.status);
    CHECK(absl::StrContains(answer.body, c.words));
  }
}

TEST_CASE("a newer proxy's fields are left aside", "[rest]") {
  Server server;
  server.Publish({{"cluster", "a", "1", {}}});
  CHECK(NamesIn(server.Post("clusters", R"("from_the_future":{"x":[1]})")) == "a");
  // Protobuf's own reader throws at this.
  CHECK(
      NamesIn(server.Post(
          "clusters",
          R"("error_detail":{"details":[{"@type":"type.googleapis.com/google.protobuf.Duration","x":3,"y":[{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}]}]})")) ==
      "a");
  CHECK(NamesIn(server.Post("clusters", R"("resource_locators":[{"name":"a"}])")) == "a");
}

TEST_CASE("of an empty store that nobody vouched for a proxy keeps what it has", "[rest]") {
  Server server;
  server.Publish({}, true);
  CHECK(server.Post("clusters", R"("version_info":"something")").status == 304);
  CHECK(server.Post("clusters", "").status == 200);
}

}  // namespace
}  // namespace signalbox
