#include "server/snapshot/type_set.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "server/snapshot/snapshot_diff.h"
#include "server/snapshot/type_set_interner.h"

namespace signalbox {
namespace {

using Model = std::map<std::string, std::string>;  // name -> body

FragmentPtr Make(const std::string& name, const std::string& body) {
  return std::make_shared<const Fragment>("type.googleapis.com/t", name, body, Sha256(body),
                                          ResourceReferences{});
}

TypeSetPtr SetOf(const Model& model) {
  std::vector<FragmentPtr> fragments;
  for (const auto& [name, body] : model) fragments.push_back(Make(name, body));
  std::reverse(fragments.begin(), fragments.end());
  return TypeSet::Of(std::move(fragments));
}

Model ModelOf(const TypeSet& set) {
  Model model;
  std::string last;
  bool first = true;
  set.ForEach([&](const FragmentPtr& fragment) {
    CHECK((first || last < fragment->name()));
    first = false;
    last = fragment->name();
    model.emplace(fragment->name(), std::string(fragment->body()));
  });
  CHECK(set.size() == model.size());
  return model;
}

// What VisitDifferences says, as name -> (before, after); "-" for not there.
std::map<std::string, std::pair<std::string, std::string>> Differences(const TypeSet& from,
                                                                       const TypeSet& to) {
  std::map<std::string, std::pair<std::string, std::string>> differences;
  std::string last;
  TypeSet::VisitDifferences(from, to, [&](const FragmentPtr* before, const FragmentPtr* after) {
    const std::string name = before != nullptr ? (*before)->name() : (*after)->name();
    CHECK((differences.empty() || last < name));
    last = name;
    differences[name] = {before == nullptr ? "-" : std::string((*before)->body()),
                         after == nullptr ? "-" : std::string((*after)->body())};
  });
  return differences;
}

std::map<std::string, std::pair<std::string, std::string>> Differences(const Model& from,
                                                                       const Model& to) {
  std::map<std::string, std::pair<std::string, std::string>> differences;
  for (const auto& [name, body] : from) {
    const auto other = to.find(name);
    if (other == to.end()) {
      differences[name] = {body, "-"};
    } else if (other->second != body) {
      differences[name] = {body, other->second};
    }
  }
  for (const auto& [name, body] : to) {
    if (!from.contains(name)) differences[name] = {"-", body};
  }
  return differences;
}

TEST_CASE("a set of nothing is one object", "[type_set]") {
  CHECK(TypeSet::Of({}) == TypeSet::Empty());
  CHECK(TypeSet::Empty()->size() == 0);
  CHECK(TypeSet::Empty()->With({}) == TypeSet::Empty());
  CHECK(TypeSet::Empty()->SotwBody().bytes.empty());
  CHECK_FALSE(TypeSet::Empty()->Contains(""));
  CHECK(TypeSet::Empty()->With({{"a", Make("a", "1")}})->With({{"a", nullptr}}) ==
        TypeSet::Empty());
}

TEST_CASE("random edits do to a set what they do to a map", "[type_set]") {
  const unsigned seed = Catch::rngSeed() != 0 ? Catch::rngSeed() : 20240731u;
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Model model;
  TypeSetPtr set = TypeSet::Empty();
  for (int step = 0; step < 400; ++step) {
    // Growing, shrinking and scattered phases; sometimes runs of neighbours.
    const bool grows = (step / 50) % 2 == 0;
    std::map<std::string, FragmentPtr> edits;
    Model next = model;
    const int count = 1 + pick(step % 10 == 0 ? 200 : 8);
    const int start = pick(1000);
    for (int i = 0; i < count; ++i) {
      const std::string name = absl::StrCat("n", step % 3 == 0 ? start + i : pick(1000));
      if (edits.contains(name)) continue;
      if (pick(100) < (grows ? 75 : 25)) {
        const std::string body = absl::StrCat(pick(3));
        edits[name] = Make(name, body);
        next[name] = body;
      } else {
        edits[name] = nullptr;
        next.erase(name);
      }
    }
    std::vector<TypeSetEdit> list;
    for (const auto& [name, fragment] : edits) list.push_back({name, fragment});
    std::shuffle(list.begin(), list.end(), random);
    const TypeSetPtr edited = set->With(list);
    REQUIRE(ModelOf(*edited) == next);
    REQUIRE(ModelOf(*set) == model);
    REQUIRE(Differences(*set, *edited) == Differences(model, next));
    REQUIRE(Differences(*edited, *set) == Differences(next, model));
    // However a set came to be.
    const TypeSetPtr fresh = SetOf(next);
    REQUIRE(fresh->hash() == edited->hash());
    REQUIRE(Differences(*fresh, *edited).empty());
    for (int i = 0; i < 1000; i += 1 + pick(60)) {
      const std::string name = absl::StrCat("n", i);
      REQUIRE(edited->Contains(name) == next.contains(name));
      if (next.contains(name)) REQUIRE((edited->Find(name)->body() == next[name]));
    }
    model = std::move(next);
    set = edited;
  }
}

TEST_CASE("sets that differ have different hashes and versions", "[type_set]") {
  std::set<std::string> versions;
  for (const Model& model : {Model{}, Model{{"a", "1"}}, Model{{"a", "2"}}, Model{{"b", "1"}},
                             Model{{"a", "1"}, {"b", "1"}}, Model{{"a", "1"}, {"b", "2"}},
                             Model{{"a", "2"}, {"b", "1"}}}) {
    const std::string version = SetOf(model)->version();
    CHECK(version.size() == 32);
    CHECK(versions.insert(version).second);
  }
}

TEST_CASE("an edit of one among ten thousand leaves the others where they are", "[type_set]") {
  Model model;
  for (int i = 0; i < 10000; ++i) model[absl::StrCat("n", i)] = "1";
  const TypeSetPtr set = SetOf(model);
  const TypeSetPtr edited = set->With({{"n5000", Make("n5000", "2")}});
  // A chunk that is shared has its fragments at the same place.
  std::set<const FragmentPtr*> before;
  set->ForEach([&](const FragmentPtr& fragment) { before.insert(&fragment); });
  size_t moved = 0;
  edited->ForEach(
      [&](const FragmentPtr& fragment) { moved += before.contains(&fragment) ? 0 : 1; });
  CHECK(moved <= 128);
  CHECK(edited->size() == 10000);
  // No edit at all shares everything.
  const TypeSetPtr same = set->With({});
  moved = 0;
  same->ForEach([&](const FragmentPtr& fragment) { moved += before.contains(&fragment) ? 0 : 1; });
  CHECK(moved == 0);
}

TEST_CASE("many removals do not leave many tiny chunks", "[type_set]") {
  Model model;
  for (int i = 0; i < 6400; ++i) model[absl::StrCat("n", 10000 + i)] = "1";
  TypeSetPtr set = SetOf(model);
  for (int i = 0; i < 6400; ++i) {
    if (i % 64 != 0) set = set->With({{absl::StrCat("n", 10000 + i), nullptr}});
  }
  REQUIRE(set->size() == 100);
  // An edit copies the chunk it falls into; were each one alone, it would copy one.
  std::set<const FragmentPtr*> before;
  set->ForEach([&](const FragmentPtr& fragment) { before.insert(&fragment); });
  const TypeSetPtr edited = set->With({{"n10640", Make("n10640", "2")}});
  size_t moved = 0;
  edited->ForEach(
      [&](const FragmentPtr& fragment) { moved += before.contains(&fragment) ? 0 : 1; });
  CHECK(moved >= 4);
}

TEST_CASE("a set's SotW body is all its members' forms, made once", "[type_set]") {
  const TypeSetPtr set = SetOf({{"a", "1"}, {"b", std::string(500, 'b')}, {"c", ""}});
  Slice first, second;
  std::thread other([&] { second = set->SotwBody(); });
  first = set->SotwBody();
  other.join();
  CHECK(first.bytes.data() == second.bytes.data());
  envoy::service::discovery::v3::DiscoveryResponse response;
  REQUIRE(response.ParseFromString(std::string(first.bytes)));
  CHECK(response.resources_size() == 3);
}

TEST_CASE("a set knows what its members mention", "[type_set]") {
  const auto make = [](const std::string& name, std::vector<Reference> names) {
    ResourceReferences references;
    references.names = std::move(names);
    return std::make_shared<const Fragment>("type.googleapis.com/t", name, "1", Sha256("1"),
                                            std::move(references));
  };
  const TypeSetPtr set =
      TypeSet::Of({make("a", {{"cluster", "x"}, {"route", "y"}}), make("b", {{"cluster", "x"}})});
  CHECK(set->Referring({"cluster", "x"}).size() == 2);
  REQUIRE(set->Referring({"route", "y"}).size() == 1);
  CHECK(set->Referring({"route", "y"}).front() == set->Find("a"));
  CHECK(set->Referring({"cluster", "y"}).empty());
  const TypeSetPtr without_a = set->With({{"a", nullptr}});
  CHECK(without_a->Referring({"cluster", "x"}).size() == 1);
  CHECK(without_a->Referring({"route", "y"}).empty());
  CHECK(TypeSet::Empty()->Referring({"cluster", "x"}).empty());
}

TEST_CASE("a difference is computed once and shared", "[snapshot_diff]") {
  DiffCache cache;
  const TypeSetPtr from = SetOf({{"a", "1"}, {"b", "1"}, {"c", "1"}});
  const TypeSetPtr to = from->With({{"b", Make("b", "2")}, {"c", nullptr}, {"d", Make("d", "1")}});
  const SnapshotDiffPtr diff = cache.Between(from, to);
  CHECK(cache.Between(from, to) == diff);
  REQUIRE(diff->changes.size() == 3);
  CHECK(diff->changes[0].name() == "b");
  CHECK(diff->changes[0].after == *to->FindPtr("b"));
  CHECK(diff->changes[1].name() == "c");
  CHECK(diff->changes[1].after == nullptr);
  CHECK(diff->changes[2].name() == "d");
  CHECK(diff->changes[2].before == nullptr);
  // The other way round is another one.
  CHECK(cache.Between(to, from)->changes[2].after == nullptr);
  CHECK(cache.Between(from, from)->changes.empty());
}

TEST_CASE("the newest differences are kept, old ones go", "[snapshot_diff]") {
  DiffCache cache;
  std::weak_ptr<const TypeSet> first;
  TypeSetPtr set = SetOf({{"a", "0"}});
  first = set;
  for (int i = 1; i <= 100; ++i) {
    const TypeSetPtr next = set->With({{"a", Make("a", absl::StrCat(i))}});
    CHECK(cache.Between(set, next)->changes.size() == 1);
    set = next;
  }
  CHECK(first.expired());
}

TEST_CASE("equal sets become one object, as long as somebody has it", "[type_set_interner]") {
  TypeSetInterner interner;
  const TypeSetPtr a = interner.Intern(SetOf({{"a", "1"}}));
  CHECK(interner.Intern(SetOf({{"a", "1"}})) == a);
  CHECK(interner.Intern(SetOf({{"a", "2"}})) != a);
  std::weak_ptr<const TypeSet> gone = interner.Intern(SetOf({{"b", "1"}}));
  CHECK(gone.expired());
  for (int i = 0; i < 1000; ++i) interner.Intern(SetOf({{"x", absl::StrCat(i)}}));
  CHECK(interner.Intern(SetOf({{"a", "1"}})) == a);
}

}  // namespace
}  // namespace signalbox
