#include "cli/find_envoy.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::cli {
namespace {

struct Machine {
  // An empty program.
  void Install(const std::string& folder) const {
    std::filesystem::create_directories(directory.Join(folder));
    const std::string path = directory.Join(folder + "/envoy");
    std::ofstream(path) << "#!/bin/sh\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  std::string Found(const std::string& path = "") const {
    const auto envoy =
        FindEnvoy(std::nullopt, {{"PATH", path}, {"XDG_CACHE_HOME", directory.Join("cache")}});
    return envoy.ok() ? envoy->substr(directory.path().size() + 1) : "";
  }

  testing::TempDir directory;
};

TEST_CASE("of the installed Envoys the one with the highest version runs") {
  const Machine machine;
  CHECK(machine.Found() == "");
  machine.Install("cache/signalbox/envoy-1.9.3");
  machine.Install("cache/signalbox/envoy-1.40.0");
  CHECK(machine.Found() == "cache/signalbox/envoy-1.40.0/envoy");
  machine.Install("cache/signalbox/envoy-1.40.10");
  machine.Install("cache/signalbox/envoy-1.40.9");
  CHECK(machine.Found() == "cache/signalbox/envoy-1.40.10/envoy");
  // A folder without the program is no Envoy.
  std::filesystem::create_directories(machine.directory.Join("cache/signalbox/envoy-2.0.0"));
  CHECK(machine.Found() == "cache/signalbox/envoy-1.40.10/envoy");
}

TEST_CASE("one on PATH goes before those, and one that is given before all") {
  const Machine machine;
  machine.Install("cache/signalbox/envoy-1.40.0");
  machine.Install("bin");
  CHECK(machine.Found(machine.directory.Join("bin")) == "bin/envoy");
  CHECK(*FindEnvoy(machine.directory.Join("bin/envoy"), {}) == machine.directory.Join("bin/envoy"));
  CHECK(absl::IsNotFound(FindEnvoy(machine.directory.Join("none"), {}).status()));
}

}  // namespace
}  // namespace signalbox::cli
