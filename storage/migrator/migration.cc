#include "storage/migrator/migration.h"

#include <map>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/check.h"

namespace signalbox {
namespace {

// What the line `-- WORD: N` of the text says, or `otherwise`.
int NumberSaid(absl::string_view text, absl::string_view word, int otherwise) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, absl::StrCat("-- ", word, ":"))) continue;
    int number = 0;
    SB_CHECK(absl::SimpleAtoi(line, &number));
    return number;
  }
  return otherwise;
}

}  // namespace

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
    migration.min_writer = NumberSaid(migration.up, "min_writer", version);
    migration.min_reader = NumberSaid(migration.up, "min_reader", migration.min_writer);
    SB_CHECK(1 <= migration.min_reader && migration.min_reader <= migration.min_writer &&
             migration.min_writer <= version);
    migrations.push_back(std::move(migration));
  }
  return migrations;
}

}  // namespace signalbox
