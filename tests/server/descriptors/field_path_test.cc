#include "server/descriptors/field_path.h"

#include <catch2/catch.hpp>

namespace signalbox {
namespace {

TEST_CASE("a path reads as fields, indexes and quoted keys") {
  const FieldPath root;
  const FieldPath chains{&root, "filter_chains"};
  const FieldPath first{&chains, "", 0};
  const FieldPath metadata{&first, "filter_metadata"};
  const FieldPath key{&metadata, "envoy.lb"};
  const FieldPath odd{&key, "say \"hi\""};
  const FieldPath type{&odd, "@type"};
  CHECK(root.ToString().empty());
  CHECK(first.ToString() == "filter_chains[0]");
  CHECK(type.ToString() == R"(filter_chains[0].filter_metadata["envoy.lb"]["say \"hi\""].@type)");
}

TEST_CASE("a path that was written is read back") {
  CHECK(ParseFieldPath(R"(filter_chains[12].filter_metadata["envoy.lb"]["say \"hi\""].@type)") ==
        std::vector<FieldStep>{{"filter_chains"},
                               {"", 12},
                               {"filter_metadata"},
                               {"envoy.lb"},
                               {"say \"hi\""},
                               {"@type"}});
  CHECK(ParseFieldPath("").empty());
}

TEST_CASE("a malformed path is read as far as it goes") {
  for (const char* path :
       {"a[", "a[x]", "a[-1]", "a[\"b", "a[\"b\"", "a..b", "a. b", "a[99999999999]"}) {
    CAPTURE(path);
    CHECK(ParseFieldPath(path) == std::vector<FieldStep>{{"a"}});
  }
}

TEST_CASE("an error names its field, if it has one") {
  CHECK(FieldError{"name", "is missing"}.ToString() == "name: is missing");
  CHECK(FieldError{"", "is wrong"}.ToString() == "is wrong");
}

}  // namespace
}  // namespace signalbox
