#include "server/xds/refusals.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "server/snapshot/type_set.h"
#include "server/xds/holding.h"

namespace signalbox {
namespace {

FragmentPtr Make(const std::string& name, const std::string& body) {
  return std::make_shared<const Fragment>("type.googleapis.com/t", name, body, Sha256(body),
                                          ResourceReferences{});
}

std::string NameOf(int i) { return absl::StrCat("n", 100 + i); }

Held NothingBefore(const std::string&) { return Held::Absent(); }

// A client that refuses whatever carries a guilty one and tells no name, and a server that sends
// what Refusals lets it.
struct Trial {
  int responses = 1;  // the one that is refused first counts
  std::set<int> delivered;
  std::set<int> convicted;
  bool finished = false;
  int largest_repeat = 0;  // how often one name was sent
};

Trial Run(int n, const std::set<int>& guilty) {
  Refusals refusals;
  std::vector<Refusals::Suspect> all;
  std::map<std::string, int> numbers;
  for (int i = 0; i < n; ++i) {
    all.push_back({NameOf(i), "v"});
    numbers[NameOf(i)] = i;
  }
  Trial trial;
  const auto convict = [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) trial.convicted.insert(numbers[name]);
  };
  convict(refusals.OnNack(all, "Invalid duration", NothingBefore));
  std::map<int, int> sent;
  for (int round = 0; round < 10 * n + 10; ++round) {
    std::vector<Refusals::Suspect> response;
    bool bad = false;
    for (int i = 0; i < n; ++i) {
      const bool out = trial.delivered.contains(i) || refusals.Find(NameOf(i), "v") != nullptr ||
                       refusals.Withheld(NameOf(i), "v");
      if (out) continue;
      response.push_back({NameOf(i), "v"});
      bad |= guilty.contains(i);
      trial.largest_repeat = std::max(trial.largest_repeat, ++sent[i]);
    }
    if (response.empty()) {
      trial.finished = !refusals.trying();
      return trial;
    }
    ++trial.responses;
    if (bad) {
      convict(refusals.OnNack(response, "Invalid duration", NothingBefore));
    } else {
      for (const auto& suspect : response) trial.delivered.insert(numbers[suspect.name]);
      convict(refusals.OnAck(
          [&](const std::string& name, const std::string&) {
            return trial.delivered.contains(numbers[name]);
          },
          NothingBefore));
    }
  }
  return trial;
}

TEST_CASE("one guilty among n is found in 2 log2(n) + 2 responses, and nobody else", "[refusals]") {
  for (int n = 1; n <= 64; ++n) {
    for (int guilty = 0; guilty < n; ++guilty) {
      CAPTURE(n, guilty);
      const Trial trial = Run(n, {guilty});
      REQUIRE(trial.finished);
      REQUIRE(trial.convicted == std::set<int>{guilty});
      REQUIRE(trial.delivered.size() == static_cast<size_t>(n) - 1);
      REQUIRE(trial.responses <= 2 * std::log2(n) + 2);
    }
  }
}

TEST_CASE("any two guilty are found, and nobody else", "[refusals]") {
  for (const int n : {2, 3, 4, 5, 7, 8, 13, 16, 31, 32}) {
    for (int a = 0; a < n; ++a) {
      for (int b = a + 1; b < n; ++b) {
        CAPTURE(n, a, b);
        const Trial trial = Run(n, {a, b});
        REQUIRE(trial.finished);
        REQUIRE(trial.convicted == std::set<int>{a, b});
        REQUIRE(trial.delivered.size() == static_cast<size_t>(n) - 2);
        REQUIRE(trial.responses <= 4 * std::log2(n) + 4);
      }
    }
  }
}

TEST_CASE("any set of guilty ones is found, and nobody else", "[refusals]") {
  for (int n = 1; n <= 9; ++n) {
    for (int mask = 1; mask < 1 << n; ++mask) {
      CAPTURE(n, mask);
      std::set<int> guilty;
      for (int i = 0; i < n; ++i) {
        if ((mask >> i & 1) != 0) guilty.insert(i);
      }
      const Trial trial = Run(n, guilty);
      REQUIRE(trial.finished);
      REQUIRE(trial.convicted == guilty);
      REQUIRE(trial.delivered.size() == static_cast<size_t>(n) - guilty.size());
    }
  }
}

TEST_CASE("a cause is named by its whole name followed by a colon", "[refusals]") {
  CHECK(NamesAsCause("Error adding/updating cluster(s) B: no such thing", "B"));
  CHECK(NamesAsCause("Error adding/updating cluster(s) A: x, B: y", "B"));
  CHECK(NamesAsCause("Error adding/updating cluster(s) A: x, B: y", "A"));
  CHECK(NamesAsCause("B: y", "B"));
  CHECK(NamesAsCause("resource 'B: ' is bad", "B"));
  CHECK(NamesAsCause("x (B: y)", "B"));
  CHECK(NamesAsCause("AB: x, B: y", "B"));
  CHECK_FALSE(NamesAsCause("Error adding/updating cluster(s) AB: x", "B"));
  CHECK_FALSE(NamesAsCause("Error adding/updating cluster(s) B.example: x", "B"));
  CHECK_FALSE(NamesAsCause("cluster B", "B"));
  CHECK_FALSE(NamesAsCause("cluster B:80", "B"));
  CHECK_FALSE(NamesAsCause("", "B"));
  CHECK_FALSE(NamesAsCause(": ", ""));
}

TEST_CASE("who is named is guilty at once, the others are not tried", "[refusals]") {
  Refusals refusals;
  const auto guilty = refusals.OnNack({{"a", "1"}, {"b", "1"}, {"c", "1"}},
                                      "cluster(s) b: bad, c: bad", NothingBefore);
  CHECK(guilty == std::vector<std::string>{"b", "c"});
  CHECK_FALSE(refusals.trying());
  CHECK(refusals.Find("a", "1") == nullptr);
  REQUIRE(refusals.Find("b", "1") != nullptr);
  CHECK(refusals.Find("b", "1")->error == "cluster(s) b: bad, c: bad");
  CHECK(refusals.Find("b", "2") == nullptr);
}

TEST_CASE("a single suspect is guilty, and what was good before is kept with it", "[refusals]") {
  Refusals refusals;
  const FragmentPtr good = Make("a", "good");
  const auto last_good = [&](const std::string&) { return Held::Content(good); };
  CHECK(refusals.OnNack({{"a", "1"}}, "no", last_good) == std::vector<std::string>{"a"});
  CHECK(refusals.Find("a", "1")->last_good == good);
  refusals.OnNack({{"b", "1"}}, "no", NothingBefore);
  CHECK_FALSE(refusals.Find("b", "1")->may_hold);
  refusals.OnNack({{"c", "1"}}, "no", [](const std::string&) { return Held::Unknown(); });
  CHECK(refusals.Find("c", "1")->may_hold);
}

TEST_CASE("content that is not the target's any more is neither refused nor tried", "[refusals]") {
  Refusals refusals;
  const FragmentPtr a = Make("a", "1"), b = Make("b", "1"), c = Make("c", "1"), d = Make("d", "1");
  refusals.OnNack({{"a", a->version()}}, "no", NothingBefore);
  refusals.OnNack({{"b", b->version()}, {"c", c->version()}, {"d", d->version()}}, "no",
                  NothingBefore);
  CHECK(refusals.trying());
  CHECK(refusals.Withheld("c", c->version()));
  refusals.OnTarget(*TypeSet::Of({Make("a", "2"), b, Make("c", "2"), d}));
  CHECK(refusals.Find("a", a->version()) == nullptr);
  CHECK_FALSE(refusals.Withheld("c", c->version()));
  CHECK(refusals.Withheld("d", d->version()));
  // What is left follows from nobody's innocence: c may have been the cause.
  CHECK(refusals
            .OnAck([](const std::string& name, const std::string&) { return name == "b"; },
                   NothingBefore)
            .empty());
  CHECK(refusals.trying());
  CHECK_FALSE(refusals.Withheld("d", d->version()));
  CHECK(refusals.OnAck([](const std::string&, const std::string&) { return true; }, NothingBefore)
            .empty());
  CHECK_FALSE(refusals.trying());
  CHECK(refusals.empty());
}

TEST_CASE("what is not asked for any more is not tried, but stays refused", "[refusals]") {
  Refusals refusals;
  refusals.OnNack({{"a", "1"}}, "no", NothingBefore);
  refusals.OnNack({{"b", "1"}, {"c", "1"}}, "no", NothingBefore);
  refusals.Forget([](const std::string&) { return false; });
  CHECK_FALSE(refusals.trying());
  CHECK(refusals.Find("a", "1") != nullptr);
}

TEST_CASE("who is acknowledged while others are tried is innocent too", "[refusals]") {
  Refusals refusals;
  refusals.OnNack({{"a", "1"}, {"b", "1"}}, "no", NothingBefore);
  refusals.OnNack({{"c", "1"}, {"d", "1"}}, "no", NothingBefore);
  // c is tried; a, which waits, turns out good, so that b is the cause of the first refusal.
  CHECK(refusals.OnAck([](const std::string& name, const std::string&) { return name == "a"; },
                       NothingBefore) == std::vector<std::string>{"b"});
  CHECK(refusals.trying());
  CHECK(refusals.OnAck([](const std::string& name, const std::string&) { return name == "c"; },
                       NothingBefore) == std::vector<std::string>{"d"});
  CHECK_FALSE(refusals.trying());
}

TEST_CASE("a hundred thousand suspects are halved in no time", "[refusals]") {
  const Trial trial = Run(1000, {777});
  CHECK(trial.convicted == std::set<int>{777});
  Refusals refusals;
  std::vector<Refusals::Suspect> all;
  for (int i = 0; i < 100000; ++i) all.push_back({absl::StrCat("n", 1000000 + i), "v"});
  CHECK(refusals.OnNack(all, "no", NothingBefore).empty());
  size_t withheld = 0;
  for (const auto& suspect : all) withheld += refusals.Withheld(suspect.name, "v") ? 1 : 0;
  CHECK(withheld == 50000);
  refusals.OnAck([](const std::string& name, const std::string&) { return name < "n1050000"; },
                 NothingBefore);
  withheld = 0;
  for (const auto& suspect : all) withheld += refusals.Withheld(suspect.name, "v") ? 1 : 0;
  CHECK(withheld == 25000);
}

}  // namespace
}  // namespace signalbox
