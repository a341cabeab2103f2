#include "storage/migrator/migration.h"

#include <map>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/check.h"

namespace signalbox {

std::vector<Migration> MigrationsIn(
    const std::vector<std::pair<absl::string_view, absl::string_view>>& files) {
  std::map<int, Migration> by_version;
  for (const auto& [file, content] : files) {
    absl::string_view stem = file;
    const bool up = absl::ConsumeSuffix(&stem, ".up.sql");
    SB_CHECK(up || absl::ConsumeSuffix(&stem, ".down.sql"));
    const std::pair<std::string, std::string> parts = absl::StrSplit(stem, absl::MaxSplits('_', 1));
    int version = 0;
    SB_CHECK(absl::SimpleAtoi(parts.first, &version) && version > 0 && !parts.second.empty() &&
             !content.empty());
    Migration& migration = by_version[version];
    SB_CHECK(migration.name.empty() || migration.name == parts.second);
    migration.version = version;
    migration.name = parts.second;
    (up ? migration.up : migration.down) = std::string(content);
  }
  std::vector<Migration> migrations;
  for (auto& [version, migration] : by_version) {
    SB_CHECK(version == static_cast<int>(migrations.size()) + 1);
    SB_CHECK(!migration.up.empty() && !migration.down.empty());
    migration.checksum = Sha256(migration.up);
    migrations.push_back(std::move(migration));
  }
  return migrations;
}

}  // namespace signalbox
