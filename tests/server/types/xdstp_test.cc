#include "server/types/xdstp.h"

#include <catch2/catch.hpp>

namespace signalbox {
namespace {

TEST_CASE("names are compared by their parts, parameters in any order (XDS X1)") {
  CHECK(NormalizedName("xdstp://a/t/x?b=1&a=2") == "xdstp://a/t/x?a=2&b=1");
  CHECK(NormalizedName("xdstp://a/t/x?a=2&b=1#alt=y") == "xdstp://a/t/x?a=2&b=1");
  CHECK(NormalizedName("xdstp://a/t/x#entry=1") == "xdstp://a/t/x");
  CHECK(NormalizedName("xdstp://a/t/x?") == "xdstp://a/t/x");
  CHECK(NormalizedName("xdstp:///t/x/y") == "xdstp:///t/x/y");
  CHECK(NormalizedName("b?z=1&a=2#c") == "b?z=1&a=2#c");
  CHECK(NormalizedName("") == "");
}

TEST_CASE("a collection holds what is directly in it (XDS X2)") {
  CHECK(CollectionOf("xdstp://a/t/x/1") == "xdstp://a/t/x/*");
  CHECK(CollectionOf("xdstp://a/t/x/y/1") == "xdstp://a/t/x/y/*");
  CHECK(CollectionOf("xdstp://a/t/x/1?k=v") == "xdstp://a/t/x/*?k=v");
  CHECK(CollectionOf("xdstp://a/t/1") == "xdstp://a/t/*");
  CHECK(CollectionOf("xdstp://a/t/x/*") == "");
  CHECK(CollectionOf("xdstp://a/t") == "");
  CHECK(CollectionOf("x/1") == "");
  CHECK(IsCollection("xdstp://a/t/x/*"));
  CHECK(IsCollection("xdstp://a/t/*?k=v"));
  CHECK_FALSE(IsCollection("xdstp://a/t/x*"));
  CHECK_FALSE(IsCollection("xdstp://a/*"));
  CHECK_FALSE(IsCollection("*"));
}

}  // namespace
}  // namespace signalbox
