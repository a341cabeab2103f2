#include "server/xds/name_set.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace signalbox {
namespace {

TEST_CASE("names are sorted and each there once", "[name_set]") {
  NameSetInterner interner;
  const NameSetPtr set = interner.Intern({"b", "a", "", "b"});
  CHECK(set->names() == std::vector<std::string>{"", "a", "b"});
  CHECK(set->Contains("a"));
  CHECK(set->Contains(""));
  CHECK_FALSE(set->Contains("aa"));
  CHECK(set->size() == 3);
}

TEST_CASE("equal sets are one object, as long as somebody has it", "[name_set]") {
  NameSetInterner interner;
  CHECK(interner.Intern({}) == NameSet::Empty());
  CHECK(interner.Intern({})->empty());
  const NameSetPtr set = interner.Intern({"a", "b"});
  CHECK(interner.Intern({"b", "a", "a"}) == set);
  CHECK(interner.Intern({"a"}) != set);
  // What stands in one name is not what stands in two.
  CHECK(interner.Intern({"ab"}) != interner.Intern({"a", "b"}));
  std::weak_ptr<const NameSet> gone = interner.Intern({"c"});
  CHECK(gone.expired());
  for (int i = 0; i < 1000; ++i) interner.Intern({absl::StrCat(i)});
  CHECK(interner.Intern({"a", "b"}) == set);
}

TEST_CASE("threads that intern the same names get the same object", "[name_set]") {
  NameSetInterner interner;
  const NameSetPtr kept = interner.Intern({"x", "y"});
  bool same[2] = {true, true};
  std::vector<std::thread> threads;
  for (bool& each : same) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        each &= interner.Intern({"y", "x"}) == kept;
        interner.Intern({absl::StrCat(i % 100)});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(same[0]);
  CHECK(same[1]);
}

}  // namespace
}  // namespace signalbox
