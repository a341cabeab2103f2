#include "server/maintenance/reports.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace signalbox {
namespace {

Json TimeOf(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

template <typename Steps>
Json StepsOf(const Steps& steps) {
  Json list = Json::Array();
  for (const auto& step : steps)
    list.Append(Json::Object({{"version", step.version}, {"name", step.name}}));
  return list;
}

template <typename Strings>
Json StringsOf(const Strings& strings) {
  Json list = Json::Array();
  for (const std::string& string : strings) list.Append(string);
  return list;
}

Json ToJson(const Standbys& standbys) {
  Json json = Json::Object({{"synchronous", standbys.synchronous}});
  if (standbys.connected.has_value()) json.Set("connected", *standbys.connected);
  return json;
}

}  // namespace

Json ToJson(const std::vector<AreaStatus>& statuses, const std::optional<Standbys>& standbys) {
  Json list = Json::Array();
  for (const AreaStatus& area : statuses) {
    Json applied = Json::Array();
    for (const AppliedMigration& row : area.status.applied) {
      applied.Append(Json::Object({{"version", row.version},
                                   {"name", row.name},
                                   {"appliedAt", TimeOf(row.applied_at)},
                                   {"by", row.by}}));
    }
    const bool read_only = area.status.access == MigrationStatus::Access::kReadOnly;
    Json json = Json::Object({{"area", area.area},
                              {"location", area.where},
                              {"version", area.status.version()},
                              {"known", area.status.known},
                              {"pending", StepsOf(area.status.pending)},
                              {"applied", std::move(applied)},
                              {"access", read_only ? "read-only" : "read-write"},
                              {"fits", area.status.fitness.ok()},
                              {"problem", std::string(area.status.fitness.message())}});
    if (standbys.has_value()) json.Set("standbys", ToJson(*standbys));
    list.Append(std::move(json));
  }
  return list;
}

Json ToJson(const SchemaChanged& changed, SchemaChange::DryRun dry_run) {
  Json areas = Json::Array();
  for (const SchemaChanged::Area& area : changed.areas) {
    areas.Append(Json::Object({{"area", area.area},
                               {"location", area.where},
                               {"from", area.plan.from},
                               {"to", area.plan.to},
                               {"steps", StepsOf(area.plan.steps)}}));
  }
  return Json::Object({{"dryRun", dry_run == SchemaChange::DryRun::kYes},
                       {"areas", std::move(areas)},
                       {"backup", changed.backup.has_value() ? changed.backup->directory : ""}});
}

Json ToJson(const Head& head) {
  return Json::Object({{"storeId", head.store_id},
                       {"epoch", absl::StrCat(head.epoch)},
                       {"revision", head.revision.number},
                       {"digest", head.digest.Hex()}});
}

Json ToJson(const KeyRotation& rotation) {
  return Json::Object({{"keyId", rotation.key_id}, {"resealed", rotation.resealed}});
}

Json ToJson(const Verification& verification) {
  Json areas = Json::Array();
  for (const CheckedArea& area : verification.areas) {
    areas.Append(Json::Object({{"area", area.area},
                               {"location", area.where},
                               {"bytes", area.bytes},
                               {"schemaVersion", area.schema_version},
                               {"checks", StringsOf(area.checks)}}));
  }
  Json damage = Json::Array();
  for (const Damage& one : verification.damage)
    damage.Append(Json::Object({{"location", one.where}, {"problem", one.what}}));
  Json json = Json::Object({{"sound", verification.sound()},
                            {"location", verification.location},
                            {"areas", std::move(areas)},
                            {"damage", std::move(damage)},
                            {"keyIds", StringsOf(verification.key_ids)},
                            {"unopened", verification.unopened}});
  if (verification.head.has_value()) json.Set("head", ToJson(*verification.head));
  return json;
}

Json ToJson(const Backup& backup) {
  Json files = Json::Array();
  for (const BackupFile& file : backup.files) {
    files.Append(Json::Object({{"area", file.area},
                               {"name", file.name},
                               {"bytes", file.bytes},
                               {"sha256", file.sha256.Hex()},
                               {"schemaVersion", file.schema_version}}));
  }
  Json json = Json::Object({{"directory", backup.directory},
                            {"time", TimeOf(backup.time)},
                            {"madeBy", backup.made_by},
                            {"keyIds", StringsOf(backup.key_ids)},
                            {"files", std::move(files)}});
  if (backup.head.has_value()) json.Set("head", ToJson(*backup.head));
  return json;
}

}  // namespace signalbox
