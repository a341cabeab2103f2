#include "options/reference.h"

#include <catch2/catch.hpp>

#include "docs/configuration_page.h"
#include "options/table.h"

namespace signalbox::options {
namespace {

TEST_CASE("docs/configuration.md is what `signalbox config reference` prints") {
  REQUIRE(ConfigurationPage().size() == 1);
  INFO("run: tools/signalbox config reference > docs/configuration.md");
  CHECK(ReferencePage() == ConfigurationPage()[0].content);
}

TEST_CASE("the reference has every option with all its ways in") {
  const Json data = ReferenceData();
  REQUIRE(data.elements().size() == Table().size());
  for (size_t i = 0; i < Table().size(); ++i) {
    const Option& option = Table()[i];
    CHECK(data.elements()[i].Find("key")->text() == option.key);
    CHECK(ReferencePage().find("| `" + option.key + "` |") != std::string::npos);
  }
  const auto find = [&](const std::string& key) {
    for (const Json& entry : data.elements()) {
      if (entry.Find("key")->text() == key) return entry.Dump();
    }
    return std::string();
  };
  CHECK(find("log.level") ==
        "{\"key\":\"log.level\",\"type\":\"choice\",\"default\":\"info\",\"flag\":\"--log.level\","
        "\"variable\":\"SIGNALBOX_LOG_LEVEL\",\"restart\":false,\"help\":\"the least that is "
        "logged\",\"choices\":[\"debug\",\"info\",\"warning\",\"error\"]}");
  CHECK(find("store.pool_max") ==
        "{\"key\":\"store.pool_max\",\"type\":\"integer\",\"default\":\"4\",\"flag\":"
        "\"--store.pool-max\",\"variable\":\"SIGNALBOX_STORE_POOL_MAX\",\"restart\":true,\"help\":"
        "\"connections that read, at most\",\"least\":1,\"most\":64}");
  CHECK(find("store.password").find("\"flag\":null") != std::string::npos);
}

}  // namespace
}  // namespace signalbox::options
