#include "cli/manifest.h"

#include <google/protobuf/util/message_differencer.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/descriptors/pool.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::cli {
namespace {

using google::protobuf::util::MessageDifferencer;
using signalbox::testing::Json;
using signalbox::testing::Pool;
using signalbox::testing::TempDir;
using Strings = std::vector<std::string>;

void Write(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

LoadedManifests Load(const Strings& paths, const std::string& input = "",
                     NoDocuments none = NoDocuments::kError) {
  std::istringstream in(input);
  return LoadManifests(Pool(), paths, in, "default", none);
}

Strings Texts(const std::vector<ManifestError>& errors) {
  Strings texts;
  for (const ManifestError& error : errors) texts.push_back(error.ToString());
  return texts;
}

Strings Errors(const std::string& input) { return Texts(Load({"-"}, input).errors); }

std::vector<Manifest> MustLoad(const Strings& paths, const std::string& input = "") {
  LoadedManifests loaded = Load(paths, input);
  CHECK(Texts(loaded.errors) == Strings{});
  return std::move(loaded.manifests);
}

TEST_CASE("a manifest is read with all it says") {
  const auto manifests = MustLoad({"-"}, R"(# The payments service
kind: cluster
name: payments
labels: { tier: backend, version: 1.10, old: no }
annotations: { note: "" }
groups: [edge, 7]
spec:
  type: EDS
  connect_timeout: 0.25s
---
kind: endpoints
namespace: blue
name: 8080
spec: {}
)");
  REQUIRE(manifests.size() == 2);
  const Manifest& cluster = manifests[0];
  CHECK(cluster.kind == "cluster");
  CHECK(cluster.namespace_name == "default");
  CHECK(cluster.name == "payments");
  CHECK(cluster.labels == std::map<std::string, std::string>{
                              {"old", "no"}, {"tier", "backend"}, {"version", "1.10"}});
  CHECK(cluster.annotations == std::map<std::string, std::string>{{"note", ""}});
  CHECK(cluster.groups == Strings{"edge", "7"});
  CHECK(cluster.Source() == "stdin:2");
  CHECK(MessageDifferencer::Equals(
      cluster.spec, Json(R"({"name": "payments", "type": "EDS", "connect_timeout": "0.25s"})")));
  const Manifest& endpoints = manifests[1];
  CHECK(endpoints.namespace_name == "blue");
  CHECK(endpoints.name == "8080");
  CHECK(endpoints.Source() == "stdin:11");
  CHECK(MessageDifferencer::Equals(endpoints.spec, Json(R"({"cluster_name": "8080"})")));
}

TEST_CASE("JSON is a manifest too, and several of them") {
  const auto manifests = MustLoad({"-"}, R"({"kind": "route", "name": "a", "spec": {}}
{"kind": "route", "name": "b", "namespace": null, "groups": null, "labels": null, "spec": {"name": "b"}}
---
{"kind": "route", "name": "c", "spec": {"name": null}})");
  REQUIRE(manifests.size() == 3);
  for (const Manifest& manifest : manifests) {
    CHECK(MessageDifferencer::Equals(manifest.spec, Json(R"({"name": ")" + manifest.name + "\"}")));
  }
}

TEST_CASE("the name in the spec may be there in either naming") {
  const auto manifests = MustLoad({"-"}, "kind: endpoints\nname: a\nspec: {clusterName: a}\n");
  REQUIRE(manifests.size() == 1);
  CHECK(MessageDifferencer::Equals(manifests[0].spec, Json(R"({"clusterName": "a"})")));
}

TEST_CASE("the namespace that the command has is for manifests without one") {
  std::istringstream in(
      "kind: route\nname: a\nspec: {}\n---\nkind: route\nname: a\nnamespace: x\nspec: {}\n");
  const auto loaded = LoadManifests(Pool(), {"-"}, in, "blue", NoDocuments::kError);
  CHECK(loaded.errors.empty());
  REQUIRE(loaded.manifests.size() == 2);
  CHECK(loaded.manifests[0].namespace_name == "blue");
  CHECK(loaded.manifests[1].namespace_name == "x");
}

TEST_CASE("every mistake in a manifest is named with its place and what to do") {
  const std::vector<std::pair<std::string, Strings>> table = {
      {"kind: clustre\nname: a\nspec: {}\n",
       {"stdin:1:1: kind: unknown kind \"clustre\"; did you mean \"cluster\"?"}},
      {"kind: banana\nname: a\nspec: {}\n",
       {"stdin:1:1: kind: unknown kind \"banana\"; it is one of cluster, endpoints, "
        "extension-config, lb-endpoint, listener, route, runtime, scoped-route, secret, "
        "virtual-host"}},
      {"name: a\nspec: {}\n",
       {"stdin:1:1: kind: is missing; it is one of cluster, endpoints, extension-config, "
        "lb-endpoint, listener, route, runtime, scoped-route, secret, "
        "virtual-host"}},
      {"kind: cluster\nspec: {}\n", {"stdin:1:1: name: is missing"}},
      {"kind: cluster\nname:\nspec: {}\n", {"stdin:1:1: name: is missing"}},
      {"kind: cluster\nname: ''\nspec: {}\n", {"stdin:2:1: name: must not be empty"}},
      {"kind: cluster\nname: [a]\nspec: {}\n", {"stdin:2:1: name: expected text, found a list"}},
      {"kind: cluster\nname: a\n",
       {"stdin:1:1: spec: is missing; it is the envoy.config.cluster.v3.Cluster"}},
      {"kind: cluster\nname: a\nspec: 5\n", {"stdin:3:1: spec: expected a mapping, found \"5\""}},
      {"kind: cluster\nname: a\nspec: []\n", {"stdin:3:1: spec: expected a mapping, found a list"}},
      {"kind: cluster\nname: a\nspec: {name: b}\n",
       {"stdin:3:8: spec.name: is \"b\", but the manifest's name is \"a\"; leave it out"}},
      {"kind: endpoints\nname: a\nspec:\n  clusterName: b\n",
       {"stdin:4:3: spec.clusterName: is \"b\", but the manifest's name is \"a\"; leave it out"}},
      {"kind: cluster\nname: a\nlables: {}\nspec: {}\n",
       {"stdin:3:1: lables: unknown key of a manifest; did you mean \"labels\"?"}},
      {"kind: cluster\nname: a\nconnect_timeout: 1s\nspec: {}\n",
       {"stdin:3:1: connect_timeout: unknown key of a manifest; Envoy's own fields belong below "
        "\"spec\""}},
      {"kind: cluster\nname: a\netag: x\nspec: {}\n",
       {"stdin:3:1: etag: is the server's to write; leave it out"}},
      {"kind: cluster\nname: a\nlabels: x\nspec: {}\n",
       {"stdin:3:1: labels: expected a mapping of names to texts, found \"x\""}},
      {"kind: cluster\nname: a\nlabels: {a: [], b/c: ~}\nspec: {}\n",
       {"stdin:3:10: labels.a: expected text, found a list",
        "stdin:3:17: labels[\"b/c\"]: expected text, found nothing"}},
      {"kind: cluster\nname: a\ngroups: edge\nspec: {}\n",
       {"stdin:3:1: groups: expected a list of groups, found \"edge\""}},
      {"kind: cluster\nname: a\ngroups: [a, {}, '']\nspec: {}\n",
       {"stdin:3:13: groups[1]: expected a group's name, found a mapping",
        "stdin:3:17: groups[2]: expected a group's name, found \"\""}},
      {"kind: cluster\nname: a\ngroups: []\nspec: {}\n",
       {"stdin:3:1: groups: is empty; leave it out to mean every group"}},
      {"kind: cluster\nname: a\nspec:\n  load_assignment: {endpoints: [{priority: 010}]}\n",
       {"stdin:4:44: spec.load_assignment.endpoints[0].priority: 010 is octal to some readers of "
        "YAML and decimal to "
        "others; write 0o10 or 10"}},
      {"kind: cluster\nname: a\nname: b\nspec: {}\n",
       {"stdin:3:1: \"name\" stands here twice; the first is in line 2"}},
      {"- kind: cluster\n",
       {"stdin:1:1: a manifest is a mapping with kind, name and spec, not a list"}},
      {"just text\n",
       {"stdin:1:1: a manifest is a mapping with kind, name and spec, not \"just text\""}},
      {"kind: cluster\nname: a\nspec: {\n", {"stdin:4:1: not YAML: end of map flow not found"}},
      {"kind: a: b\n",
       {"stdin:1:8: not YAML: illegal map value; check the indentation, and quote a text that "
        "holds \": \""}},
      {"\x89PNG\r\n", {"stdin:1:1: not YAML: not text in UTF-8"}},
      {"", {"stdin: holds no manifest; one begins with \"kind:\""}},
      {"# nothing\n---\n---\n", {"stdin: holds no manifest; one begins with \"kind:\""}},
  };
  for (const auto& [input, errors] : table) {
    CAPTURE(input);
    CHECK(Errors(input) == errors);
  }
}

TEST_CASE("all mistakes of all files are reported, in the order of files and lines") {
  TempDir dir;
  Write(dir.Join("a.yaml"), "kind: clustre\nnam: a\nspec: {}\n---\nkind: [\n");
  Write(dir.Join("b.yaml"), "kind: cluster\nspec: {}\n");
  const LoadedManifests loaded = Load({dir.Join("b.yaml"), dir.Join("none.yaml"), dir.path()});
  CHECK(Texts(loaded.errors) ==
        Strings{
            dir.Join("none.yaml") + ": there is no such file or directory",
            dir.Join("b.yaml") + ":1:1: name: is missing",
            dir.Join("a.yaml") + ":1:1: name: is missing",
            dir.Join("a.yaml") + ":1:1: kind: unknown kind \"clustre\"; did you mean \"cluster\"?",
            dir.Join("a.yaml") + ":2:1: nam: unknown key of a manifest; did you mean \"name\"?",
            dir.Join("a.yaml") + ":6:1: not YAML: end of sequence flow not found"});
}

TEST_CASE("a directory gives its manifests, sorted, without what is hidden or something else") {
  TempDir dir;
  REQUIRE(::mkdir(dir.Join("sub").c_str(), 0700) == 0);
  REQUIRE(::mkdir(dir.Join(".git").c_str(), 0700) == 0);
  const auto manifest = [](const std::string& name) {
    return "kind: route\nname: " + name + "\nspec: {}\n";
  };
  Write(dir.Join("b.yaml"), manifest("b"));
  Write(dir.Join("a.yml"), manifest("a"));
  Write(dir.Join("sub/c.json"), "{\"kind\": \"route\", \"name\": \"c\", \"spec\": {}}");
  Write(dir.Join("README.md"), "no manifest: [");
  Write(dir.Join(".b.yaml.swp.yaml"), "no manifest: [");
  Write(dir.Join(".git/x.yaml"), "no manifest: [");
  Strings names;
  for (const Manifest& found : MustLoad({dir.path()})) names.push_back(found.name);
  CHECK(names == Strings{"a", "b", "c"});

  SECTION("a file that is named is read whatever it is called, and once") {
    Write(dir.Join("manifest.txt"), manifest("d"));
    names.clear();
    for (const Manifest& found :
         MustLoad({dir.Join("manifest.txt"), dir.path(), dir.path() + "/sub/../b.yaml"})) {
      names.push_back(found.name);
    }
    CHECK(names == Strings{"d", "a", "b", "c"});
  }
}

TEST_CASE("a resource that is given twice is named with both places") {
  TempDir dir;
  Write(dir.Join("a.yaml"), "kind: route\nname: x\nspec: {}\n");
  Write(dir.Join("b.yaml"),
        "\n---\nkind: cluster\nname: x\nspec: {}\n---\nkind: route\nname: x\nspec: {}\n");
  const LoadedManifests loaded = Load({dir.path()});
  CHECK(Texts(loaded.errors) ==
        Strings{dir.Join("b.yaml") +
                ":7:1: route/x is given twice in namespace \"default\"; the first is at " +
                dir.Join("a.yaml") + ":1"});
}

TEST_CASE("no document at all is an error unless that may be meant") {
  TempDir dir;
  CHECK(Texts(Load({dir.path()}).errors) ==
        Strings{dir.path() + ": holds no manifest; one begins with \"kind:\""});
  const LoadedManifests allowed = Load({dir.path(), "-"}, "---\n", NoDocuments::kAllowed);
  CHECK(allowed.errors.empty());
  CHECK(allowed.manifests.empty());
}

TEST_CASE("what is too large is refused before it is read") {
  TempDir dir;
  Write(dir.Join("large.yaml"), "");
  REQUIRE(::truncate(dir.Join("large.yaml").c_str(),
                     static_cast<off_t>(kMaxManifestFileBytes) + 1) == 0);
  const LoadedManifests loaded = Load({dir.Join("large.yaml")});
  REQUIRE(loaded.errors.size() == 1);
  CHECK(loaded.errors[0].file == dir.Join("large.yaml"));
  CHECK(loaded.errors[0].what.find("larger than") != std::string::npos);
}

TEST_CASE("more errors than anyone reads are counted") {
  std::string input;
  for (int i = 0; i < 150; ++i) input += "---\nkind: x\n";
  const Strings errors = Errors(input);
  REQUIRE(errors.size() == kMaxManifestErrors + 1);
  CHECK(errors.back() == "and 350 more errors");
}

TEST_CASE("a field that the server finds fault with is found in the file") {
  const auto manifests = MustLoad({"-"}, R"(kind: listener
name: ingress
spec:
  filterChains:
  - filters:
    - name: a
    - name: hcm
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: x
        http_filters: [{name: y}]
  metadata:
    filter_metadata: {envoy.lb: {canary: true}}
)");
  REQUIRE(manifests.size() == 1);
  const std::vector<std::pair<std::string, Position>> table = {
      {"", {3, 1}},
      {"filterChains", {4, 3}},
      {"filter_chains[0].filters", {5, 5}},
      {"filterChains[0].filters[1]", {7, 7}},
      {"filter_chains[0].filters[1].typed_config.@type", {9, 9}},
      {"filter_chains[0].filters[1].typedConfig.statPrefix", {10, 9}},
      {"filter_chains[0].filters[1].typed_config.http_filters[0].name", {11, 25}},
      {"metadata.filter_metadata[\"envoy.lb\"].canary", {13, 34}},
      // What the file does not have is where it would be.
      {"filter_chains[0].filters[1].typed_config.route_config.name", {8, 7}},
      {"filter_chains[7].name", {4, 3}},
      {"address", {3, 1}},
      {"not a path", {3, 1}},
  };
  for (const auto& [path, position] : table) {
    CAPTURE(path);
    CHECK(manifests[0].Locate(path) == position);
  }
  CHECK(AtSpecField(manifests[0], "address", "is required").ToString() ==
        "stdin:3:1: spec.address: is required");
  CHECK(AtSpecField(manifests[0], "", "is wrong").ToString() == "stdin:3:1: spec: is wrong");
}

}  // namespace
}  // namespace signalbox::cli
