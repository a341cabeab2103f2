#include "storage/sqlite/sqlite_areas.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "storage/sqlite/sqlite_migrations.h"

namespace signalbox {

const std::vector<SqliteArea>& SqliteAreas() {
  using Durability = SqliteDatabase::Durability;
  using Loss = SqliteArea::Loss;
  static const auto* const kAreas = new std::vector<SqliteArea>{
      {StoreArea::kConfig, "config", "config.db", 1396859750, Durability::kFull, Loss::kRefused,
       ConfigMigrations},
      {StoreArea::kAudit, "audit", "audit.db", 1396859253, Durability::kFull, Loss::kRefused,
       AuditMigrations},
      {StoreArea::kQueue, "queue", "queue.db", 1396863349, Durability::kFull, Loss::kRefused,
       QueueMigrations},
      {StoreArea::kTelemetry, "telemetry", "telemetry.db", 1396864109, Durability::kNormal,
       Loss::kAccepted, TelemetryMigrations},
  };
  return *kAreas;
}

const SqliteArea& SqliteAreaOf(StoreArea area) {
  for (const SqliteArea& candidate : SqliteAreas()) {
    if (candidate.area == area) return candidate;
  }
  SB_CHECK(false);
}

std::string PathOf(const SqliteArea& area, absl::string_view directory) {
  return absl::StrCat(directory, "/", area.file);
}

}  // namespace signalbox
