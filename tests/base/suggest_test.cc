#include "base/suggest.h"

#include <catch2/catch.hpp>

namespace signalbox {
namespace {

TEST_CASE("a near word is suggested") {
  CHECK(Suggest("clustre", {"listener", "cluster", "route"}) == "cluster");
  CHECK(Suggest("store.ur", {"store.url", "store.driver"}) == "store.url");
}

TEST_CASE("a far word is not suggested") {
  CHECK(Suggest("banana", {"listener", "cluster", "route"}).empty());
  CHECK(DidYouMean("banana", {"listener"}).empty());
}

TEST_CASE("the suggestion reads as a question") {
  CHECK(DidYouMean("listner", {"listener"}) == "; did you mean \"listener\"?");
}

}  // namespace
}  // namespace signalbox
