#include "server/snapshot/snapshot_builder.h"

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/error_details.h"
#include "base/hash.h"
#include "storage/model/change_set.h"
#include "storage/model/resource.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox {
namespace {

testing::XdsBodies& Bodies() {
  static auto* const bodies = new testing::XdsBodies();
  return *bodies;
}

const SnapshotBuilder& Builder() {
  static const auto* const builder =
      new SnapshotBuilder(&Bodies().registry(), &Bodies().references());
  return *builder;
}

const NodeGroupName kGroup = {"default", "default"};

Record RecordOf(std::string body, std::vector<std::string> targets = {}) {
  Record record;
  record.body = std::move(body);
  record.targets = std::move(targets);
  return record;
}

Resource Stored(const ResourceKey& key, const Record& record) {
  return {key, std::make_shared<const Record>(record), record.Hash(), Sha256(record.body),
          Revision{1}};
}

Resource Cluster(const std::string& name, const std::string& tag,
                 std::vector<std::string> targets = {}) {
  return Stored({"default", "cluster", name},
                RecordOf(Bodies().Body({"cluster", name, tag, {}}), std::move(targets)));
}

HeadState StateOf(std::vector<Resource> resources, int64_t revision = 1) {
  HeadState state;
  state.head.revision = Revision{revision};
  state.resources = std::move(resources);
  return state;
}

const TypeSet& Clusters(const Snapshot& snapshot) {
  return *snapshot.types[Bodies().registry().FindByShortName("cluster")->index()];
}

TEST_CASE("a snapshot has every type, each with the group's resources", "[snapshot_builder]") {
  const auto snapshot = Builder().Build(
      kGroup,
      StateOf(
          {Cluster("a", "1"), Cluster("mine", "1", {"default", "edge"}),
           Cluster("other", "1", {"edge"}),
           Stored({"elsewhere", "cluster", "b"},
                  RecordOf(Bodies().Body({"cluster", "b", "1", {}}))),
           Stored({"default", "route", "r"}, RecordOf(Bodies().Body({"route", "r", "1", {"a"}})))},
          7),
      nullptr);
  REQUIRE(snapshot.ok());
  CHECK((*snapshot)->revision == Revision{7});
  CHECK((*snapshot)->group == kGroup);
  REQUIRE((*snapshot)->types.size() == Bodies().registry().in_push_order().size());
  CHECK(Clusters(**snapshot).size() == 2);
  CHECK(Clusters(**snapshot).Contains("a"));
  CHECK(Clusters(**snapshot).Contains("mine"));
  CHECK(Clusters(**snapshot).Find("a")->references().names ==
        std::vector<Reference>{{"endpoints", "a"}});
  const auto edge =
      Builder().Build({"default", "edge"}, StateOf({Cluster("other", "1", {"edge"})}), nullptr);
  CHECK(Clusters(**edge).Contains("other"));
}

TEST_CASE("a setting changes a resource as its body does", "[snapshot_builder]") {
  Resource plain = Cluster("a", "1");
  Record record = *plain.record;
  record.annotations["signalbox/ttl"] = "3s";
  const Resource living = Stored(plain.key, record);
  const auto before = Builder().Build(kGroup, StateOf({plain, Cluster("b", "1")}), nullptr);
  const auto after = Builder().Build(kGroup, StateOf({living, Cluster("b", "1")}, 2), *before);
  REQUIRE(after.ok());
  CHECK(Clusters(**after).Find("a")->settings().ttl == absl::Seconds(3));
  CHECK(Clusters(**after).Find("a")->version() != Clusters(**before).Find("a")->version());
  CHECK(Clusters(**after).Find("b") == Clusters(**before).Find("b"));
  RevisionChanges back;
  back.info.revision = Revision{3};
  back.upserts = {plain};
  const auto again = Builder().Advance(**after, {back});
  REQUIRE(again.ok());
  CHECK(Clusters(**again).Find("a")->settings() == ResourceSettings());

  // One that makes no sense, from before it was checked, keeps nothing from being served.
  record.annotations["signalbox/ttl"] = "soon";
  CHECK(Builder().Build(kGroup, StateOf({Stored(plain.key, record)}), nullptr).ok());
}

TEST_CASE("a virtual host is called after its route configuration (XDS VHDS)",
          "[snapshot_builder]") {
  const auto build = [](const std::string& name) {
    return Builder().Build(
        kGroup,
        StateOf({Stored({"default", "virtual-host", name},
                        RecordOf(Bodies().Body({"virtual-host", name, "1", {"foo.com"}})))}),
        nullptr);
  };
  CHECK(build("team/rc/foo").ok());
  const auto wrong = build("foo");
  REQUIRE_FALSE(wrong.ok());
  CHECK_THAT(ViolationsOf(wrong.status()).at(0).description,
             Catch::Contains("ROUTE_CONFIGURATION/NAME"));
}

TEST_CASE("an empty store gives a snapshot of nothing", "[snapshot_builder]") {
  const auto snapshot = Builder().Build(kGroup, StateOf({}, 0), nullptr);
  REQUIRE(snapshot.ok());
  for (const TypeSetPtr& set : (*snapshot)->types) CHECK(set == TypeSet::Empty());
}

TEST_CASE("what cannot be published is refused by name and reason", "[snapshot_builder]") {
  const auto base = *Builder().Build(kGroup, StateOf({}), nullptr);
  const auto check = [&](const ResourceKey& key, const std::string& body, const std::string& why) {
    CAPTURE(why);
    const absl::Status build =
        Builder().Build(kGroup, StateOf({Stored(key, RecordOf(body))}), nullptr).status();
    CHECK(build.code() == absl::StatusCode::kInvalidArgument);
    CHECK(absl::StrContains(build.message(), key.ToString()));
    CHECK(absl::StrContains(build.message(), why));
    RevisionChanges changes;
    changes.info.revision = Revision{2};
    changes.upserts = {Stored(key, RecordOf(body))};
    CHECK(Builder().Advance(*base, {changes}).status() == build);
    ChangeSet set;
    set.upserts = {{key, RecordOf(body)}};
    CHECK(Builder().Check(*base, {}, set) == build);
  };
  check({"default", "volcano", "a"}, "", "there is no type \"volcano\"");
  check({"default", "cluster", "a"}, "\xff\xff\xff", "");
  check({"default", "cluster", "a"}, Bodies().Body({"cluster", "b", "1", {}}), "\"b\"");
  check({"default", "endpoints", "a"}, Bodies().Body({"endpoints", "b", "1", {}}),
        "cluster_name is \"b\"");
  RevisionChanges removal;
  removal.removals = {{"default", "volcano", "a"}};
  CHECK(Builder().Advance(*base, {removal}).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("unchanged resources and types are the same objects as before", "[snapshot_builder]") {
  const auto first =
      *Builder().Build(kGroup, StateOf({Cluster("a", "1"), Cluster("b", "1")}), nullptr);
  const auto second =
      *Builder().Build(kGroup, StateOf({Cluster("a", "1"), Cluster("b", "2")}, 2), first);
  CHECK(*Clusters(*second).FindPtr("a") == *Clusters(*first).FindPtr("a"));
  CHECK(*Clusters(*second).FindPtr("b") != *Clusters(*first).FindPtr("b"));
  const auto third =
      *Builder().Build(kGroup, StateOf({Cluster("a", "1"), Cluster("b", "2")}, 3), second);
  CHECK(third->types == second->types);
  CHECK(third->revision == Revision{3});
  // A change of labels alone, and one that is of no concern to the group.
  RevisionChanges changes;
  changes.info.revision = Revision{4};
  Record labelled = RecordOf(Bodies().Body({"cluster", "a", "1", {}}));
  labelled.labels["team"] = "x";
  changes.upserts = {Stored({"default", "cluster", "a"}, labelled), Cluster("c", "1", {"edge"})};
  const auto fourth = *Builder().Advance(*third, {changes});
  CHECK(fourth->types == third->types);
  CHECK(fourth->revision == Revision{4});
}

TEST_CASE("a resource that is for other groups now goes", "[snapshot_builder]") {
  const auto first = *Builder().Build(kGroup, StateOf({Cluster("a", "1")}), nullptr);
  RevisionChanges changes;
  changes.info.revision = Revision{2};
  changes.upserts = {Cluster("a", "1", {"edge"})};
  CHECK(Clusters(**Builder().Advance(*first, {changes})).size() == 0);
}

TEST_CASE("a change is checked on top of those since the base", "[snapshot_builder]") {
  const auto base = *Builder().Build(kGroup, StateOf({}), nullptr);
  ChangeSet set;
  set.upserts = {{{"default", "cluster", "a"}, RecordOf(Bodies().Body({"cluster", "a", "1", {}}))}};
  set.removals = {{"default", "cluster", "never"}};
  RevisionChanges since;
  since.info.revision = Revision{2};
  since.upserts = {Cluster("b", "1")};
  CHECK(Builder().Check(*base, {since}, set).ok());
  CHECK(Builder().Check(*base, {}, ChangeSet{}).ok());
}

// A change set of resources given as "route/r>cluster/a,cluster/b", and removals.
ChangeSet SetOf(const std::vector<std::string>& upserts,
                const std::vector<std::string>& removals = {}) {
  const auto key = [](absl::string_view text) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, '/');
    return ResourceKey{"default", parts.first, parts.second};
  };
  ChangeSet set;
  for (const std::string& text : upserts) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, '>');
    const ResourceKey its = key(parts.first);
    const std::vector<std::string> names = absl::StrSplit(parts.second, ',', absl::SkipEmpty());
    set.upserts.push_back({its, RecordOf(Bodies().Body({its.type, its.name, "1", names}))});
  }
  for (const std::string& text : removals) set.removals.push_back(key(text));
  return set;
}

// The snapshot after the changes of `set`.
SnapshotPtr After(const Snapshot& base, const ChangeSet& set) {
  RevisionChanges changes;
  for (const Upsert& upsert : set.upserts)
    changes.upserts.push_back(Stored(upsert.key, upsert.record));
  changes.removals = set.removals;
  return *Builder().Advance(base, {changes});
}

TEST_CASE("what names a missing route or cluster is refused, all of it at once") {
  const auto base = *Builder().Build(kGroup, StateOf({}), nullptr);
  const auto status =
      Builder().Check(*base, {}, SetOf({"listener/l>route/r", "route/s>a,b", "cluster/b>static"}));
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  const auto violations = ViolationsOf(status);
  REQUIRE(violations.size() == 2);
  CHECK(violations[0].subject == "default/listener/l");
  CHECK(absl::StrContains(violations[0].description, "route \"r\""));
  CHECK(violations[1].subject == "default/route/s");
  CHECK(absl::StrContains(violations[1].description, "cluster \"a\""));
}

TEST_CASE("what a change brings along or finds there is not missing") {
  const auto base = *Builder().Build(kGroup, StateOf({}), nullptr);
  CHECK(Builder()
            .Check(*base, {}, SetOf({"listener/l>route/r", "route/r>a", "cluster/a>static"}))
            .ok());
  const auto with_a = After(*base, SetOf({"cluster/a>static"}));
  CHECK(Builder().Check(*with_a, {}, SetOf({"route/r>a"})).ok());
  RevisionChanges since;
  since.upserts = {Cluster("b", "1")};
  CHECK(Builder().Check(*base, {since}, SetOf({"route/r>b"})).ok());
}

TEST_CASE("endpoints may come after the cluster that takes them") {
  const auto base = *Builder().Build(kGroup, StateOf({}), nullptr);
  CHECK(Builder().Check(*base, {}, SetOf({"cluster/a>"})).ok());
}

TEST_CASE("what is still named is not taken away") {
  const auto base = *Builder().Build(kGroup, StateOf({}), nullptr);
  const auto full = After(
      *base, SetOf({"listener/l>route/r", "route/r>a", "cluster/a>static", "cluster/b>static"}));
  const auto status = Builder().Check(*full, {}, SetOf({}, {"cluster/a"}));
  const auto violations = ViolationsOf(status);
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].subject == "default/cluster/a");
  CHECK(absl::StrContains(violations[0].description, "default/route/r"));
  CHECK_FALSE(Builder().Check(*full, {}, SetOf({}, {"route/r"})).ok());
  CHECK(Builder().Check(*full, {}, SetOf({}, {"cluster/b"})).ok());
  CHECK(Builder().Check(*full, {}, SetOf({}, {"cluster/a", "route/r", "listener/l"})).ok());
  CHECK(Builder().Check(*full, {}, SetOf({"route/r>b"}, {"cluster/a"})).ok());
}

TEST_CASE("a cluster that is for other groups now is taken away too") {
  const auto base = *Builder().Build(kGroup, StateOf({}), nullptr);
  const auto full = After(*base, SetOf({"route/r>a", "cluster/a>static"}));
  ChangeSet set = SetOf({"cluster/a>static"});
  set.upserts[0].record.targets = {"edge"};
  CHECK_FALSE(Builder().Check(*full, {}, set).ok());
}

TEST_CASE("a change is not refused for what was missing before it") {
  const auto base = *Builder().Build(kGroup, StateOf({}), nullptr);
  const auto dangling = After(*base, SetOf({"route/r>a", "cluster/b>static"}));
  CHECK(Builder().Check(*dangling, {}, SetOf({"cluster/c>static"}, {"cluster/b"})).ok());
}

TEST_CASE("where proxies have clusters of their own, what is missing is only told") {
  const SnapshotBuilder builder(&Bodies().registry(), &Bodies().references(),
                                DanglingReferences::kWarn);
  const auto base = *builder.Build(kGroup, StateOf({}), nullptr);
  const ChangeSet dangling = SetOf({"listener/l>route/r", "route/s>a"});
  CHECK(builder.Check(*base, {}, dangling).ok());
  const std::vector<FieldViolation> warnings = builder.Warnings(*base, {}, dangling);
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].subject == "default/listener/l");
  CHECK(builder.Warnings(*base, {}, SetOf({"cluster/a>static"})).empty());
  CHECK(Builder().Warnings(*base, {}, dangling).empty());
}

TEST_CASE("a change proves the store that it is made to", "[snapshot_builder]") {
  Snapshot empty = **Builder().Build(kGroup, StateOf({}, 0), nullptr);
  empty.unproven = true;
  RevisionChanges changes;
  changes.info.revision = Revision{1};
  CHECK_FALSE((*Builder().Advance(empty, {changes}))->unproven);
}

TEST_CASE("building at once and advancing step by step give equal sets", "[snapshot_builder]") {
  const unsigned seed = Catch::rngSeed() != 0 ? Catch::rngSeed() : 4711u;
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> types = Bodies().registry().short_names();
  std::map<ResourceKey, Resource> rows;
  SnapshotPtr advanced = *Builder().Build(kGroup, StateOf({}, 0), nullptr);
  for (int64_t revision = 1; revision <= 120;) {
    // Several commits may become one snapshot.
    std::vector<RevisionChanges> several;
    for (unsigned commits = 1 + random() % 3; commits > 0; --commits, ++revision) {
      RevisionChanges changes;
      changes.info.revision = Revision{revision};
      std::map<ResourceKey, bool> touched;
      for (unsigned i = 0; i < 1 + random() % 6; ++i) {
        const std::string type = types[random() % types.size()];
        const std::string name = absl::StrCat("n/", random() % 30);
        const ResourceKey key = {random() % 10 == 0 ? "elsewhere" : "default", type, name};
        if (!touched.emplace(key, true).second) continue;
        if (random() % 3 == 0) {
          changes.removals.push_back(key);
          rows.erase(key);
          continue;
        }
        std::vector<std::string> targets;
        if (random() % 4 == 0) targets = {random() % 2 == 0 ? "default" : "edge"};
        const Resource row = Stored(
            key, RecordOf(Bodies().Body({type, name, absl::StrCat(random() % 4), {}}), targets));
        changes.upserts.push_back(row);
        rows.insert_or_assign(key, row);
      }
      several.push_back(std::move(changes));
    }
    const auto next = Builder().Advance(*advanced, several);
    REQUIRE(next.ok());
    std::vector<Resource> all;
    for (const auto& [key, row] : rows) all.push_back(row);
    const auto built = Builder().Build(kGroup, StateOf(all, revision - 1), nullptr);
    REQUIRE(built.ok());
    REQUIRE((*built)->revision == (*next)->revision);
    for (size_t i = 0; i < types.size(); ++i) {
      REQUIRE((*built)->types[i]->hash() == (*next)->types[i]->hash());
      REQUIRE((*built)->types[i]->size() == (*next)->types[i]->size());
    }
    advanced = *next;
  }
}

}  // namespace
}  // namespace signalbox
