#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/migrator/migration.h"
#include "storage/sqlite/sqlite_database.h"

namespace signalbox {

// The areas of a store (STORAGE section 2), each a file with migrations of its own. `config` is
// first: it is the only truth, and a directory without it holds no store.
enum class StoreArea { kConfig, kAudit, kQueue, kTelemetry };

// An area as SQLite keeps it.
struct SqliteArea {
  StoreArea area;
  absl::string_view name;  // "config"
  absl::string_view file;  // "config.db"
  int application_id;      // SQLite's header field; set by the area's first migration
  SqliteDatabase::Durability durability;
  // Whether what is in it can be lost: a damaged file is set aside and made anew.
  enum class Loss { kRefused, kAccepted } loss;
  // What this program has in migrations/sqlite/<name>.
  std::vector<Migration> (*migrations)();
};

// Every area, `config` first.
const std::vector<SqliteArea>& SqliteAreas();
const SqliteArea& SqliteAreaOf(StoreArea area);

// DIRECTORY/config.db and the like.
std::string PathOf(const SqliteArea& area, absl::string_view directory);

}  // namespace signalbox
