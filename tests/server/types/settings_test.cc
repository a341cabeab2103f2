#include "server/types/settings.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

namespace signalbox {
namespace {

struct Read {
  ResourceSettings settings;
  std::vector<SettingError> errors;
};

Read ReadOf(const std::string& kind, const std::map<std::string, std::string>& annotations) {
  Read read;
  read.settings = ReadSettings(kind, annotations, &read.errors);
  // Who does not want to know gets the same.
  CHECK(ReadSettings(kind, annotations, nullptr) == read.settings);
  return read;
}

TEST_CASE("annotations say whether a virtual host is on demand and how long a resource lives") {
  CHECK(ReadOf("virtual-host", {{"signalbox/on-demand", "true"}}).settings.on_demand);
  CHECK_FALSE(ReadOf("virtual-host", {{"signalbox/on-demand", "false"}}).settings.on_demand);
  CHECK(ReadOf("cluster", {{"signalbox/ttl", "1500ms"}}).settings.ttl == absl::Milliseconds(1500));
  const Read nothing = ReadOf("cluster", {{"team", "blue"}, {"other/ttl", "x"}});
  CHECK(nothing.settings == ResourceSettings());
  CHECK(nothing.errors.empty());
}

TEST_CASE("a setting that says nothing of use is named and has no effect") {
  struct Row {
    const char* kind;
    const char* annotation;
    const char* value;
    const char* text;
  };
  for (const Row& row : std::vector<Row>{
           {"cluster", "signalbox/on-demand", "true", "virtual-host"},
           {"virtual-host", "signalbox/on-demand", "yes", "true or false"},
           {"virtual-host", "signalbox/ttl", "30s", "virtual hosts"},
           {"cluster", "signalbox/ttl", "30", "30s"},
           {"cluster", "signalbox/ttl", "", "a duration is"},
           {"cluster", "signalbox/ttl", "999ms", "between 1s and 8760h"},
           {"cluster", "signalbox/ttl", "-1s", "between"},
           {"cluster", "signalbox/ttl", "inf", "between"},
           {"cluster", "signalbox/tll", "30s", "did you mean \"signalbox/ttl\""},
           {"cluster", "signalbox/", "", "no such setting"},
       }) {
    CAPTURE(row.annotation, row.value);
    const Read read = ReadOf(row.kind, {{row.annotation, row.value}});
    CHECK(read.settings == ResourceSettings());
    REQUIRE(read.errors.size() == 1);
    CHECK(read.errors[0].annotation == row.annotation);
    CHECK_THAT(read.errors[0].description, Catch::Contains(row.text));
  }
}

}  // namespace
}  // namespace signalbox
