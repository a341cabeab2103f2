#include "server/xds/holding.h"

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "server/snapshot/type_set.h"

namespace signalbox {
namespace {

FragmentPtr Make(const std::string& name, const std::string& body) {
  return std::make_shared<const Fragment>("type.googleapis.com/t", name, body, Sha256(body),
                                          ResourceReferences{});
}

TEST_CASE("what a client has is told apart", "[holding]") {
  const FragmentPtr one = Make("a", "1"), same = Make("a", "1"), two = Make("a", "2");
  CHECK(Held::Absent().Is(static_cast<const Fragment*>(nullptr)));
  CHECK_FALSE(Held::Absent().Is(one.get()));
  CHECK_FALSE(Held::Unknown().Is(static_cast<const Fragment*>(nullptr)));
  CHECK_FALSE(Held::Unknown().Is(one.get()));
  CHECK(Held::Content(one).Is(same.get()));
  CHECK_FALSE(Held::Content(one).Is(two.get()));
  CHECK(Held::Version(one->version()).Is(one.get()));
  CHECK(Held::Version(one->version()).Is(Held::Content(same)));
  CHECK_FALSE(Held::Version("").Is(one.get()));
  CHECK_FALSE(Held::Version("").absent());
  CHECK_FALSE(Held::Unknown().Is(Held::Absent()));
  CHECK(Held::Unknown().Is(Held::Unknown()));
}

TEST_CASE("a holding is its base but for the exceptions", "[holding]") {
  const FragmentPtr a = Make("a", "1"), b = Make("b", "1"), b2 = Make("b", "2");
  Holding holding(TypeSet::Of({a, b}), {{"b", Held::Content(b2)}, {"c", Held::Unknown()}});
  CHECK(holding.Get("a").fragment() == a);
  CHECK(holding.Get("b").fragment() == b2);
  CHECK(holding.Get("c").unknown());
  CHECK(holding.Get("d").absent());
  // What the base says anyway is no exception any more.
  holding.Set({{"c", Held::Absent()}, {"b", Held::Content(Make("b", "1"))}});
  CHECK(holding.exceptions().empty());
  holding.Set({{"a", Held::Absent()}});
  REQUIRE(holding.exceptions().size() == 1);
  CHECK(holding.Get("a").absent());
  holding.FilterExceptions([](const std::string& name) { return name != "a"; });
  CHECK(holding.Get("a").fragment() == a);
}

TEST_CASE("of a client of whom nobody knows anything, every name is unknown", "[holding]") {
  Holding holding = Holding::Unknown();
  CHECK(holding.rest_unknown());
  CHECK(holding.Get("a").unknown());
  holding.Set({{"a", Held::Absent()}, {"b", Held::Unknown()}});
  CHECK(holding.Get("a").absent());
  CHECK(holding.exceptions().size() == 1);
}

TEST_CASE("random changes do to a holding what they do to a map", "[holding]") {
  std::mt19937 random(7);
  std::vector<FragmentPtr> fragments;
  std::map<std::string, Held> model;
  for (int i = 0; i < 50; ++i) {
    fragments.push_back(Make(absl::StrCat("n", i), "0"));
    model.insert_or_assign(absl::StrCat("n", i), Held::Content(fragments.back()));
  }
  Holding holding(TypeSet::Of(fragments));
  for (int step = 0; step < 2000; ++step) {
    std::map<std::string, Held> changes;
    for (unsigned i = 0; i < 1 + random() % 5; ++i) {
      const std::string name = absl::StrCat("n", random() % 70);
      const unsigned kind = random() % 4;
      changes.insert_or_assign(name, kind == 0 ? Held::Absent()
                                     : kind == 1
                                         ? Held::Unknown()
                                         : Held::Content(Make(name, absl::StrCat(random() % 2))));
    }
    std::vector<Holding::Exception> list(changes.rbegin(), changes.rend());
    holding.Set(list);
    for (const auto& [name, held] : changes) model.insert_or_assign(name, held);
    for (int i = 0; i < 70; ++i) {
      const std::string name = absl::StrCat("n", i);
      const auto expected = model.find(name);
      REQUIRE(holding.Get(name).Is(expected == model.end() ? Held::Absent() : expected->second));
    }
  }
}

}  // namespace
}  // namespace signalbox
