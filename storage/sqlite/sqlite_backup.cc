#include "storage/sqlite/sqlite_backup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/files.h"
#include "base/hash_file.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_verify.h"
#include "storage/upkeep_errors.h"

namespace signalbox {
namespace {

using Access = SqliteConnection::Access;

constexpr absl::string_view kBackups = "/backups/";
constexpr absl::string_view kBeforeMigration = "before-migration-";
constexpr char kManifest[] = "manifest.json";
constexpr int kFormat = 1;
// A manifest has a line or two for each file.
constexpr size_t kManifestBytes = size_t{1} << 20;

constexpr Sql kBusyTimeout = {"set busy_timeout", "PRAGMA busy_timeout = 5000"};

bool Exists(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

absl::Status NotMade(absl::string_view path) {
  return errors::BackupNotMade(path, std::strerror(errno));
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status FlushToDisk(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NotMade(path);
  const absl::Status status = ::fsync(fd) == 0 ? absl::OkStatus() : NotMade(path);
  ::close(fd);
  return status;
}

// Refuses what is neither absent nor an empty directory.
absl::Status CheckNewOrEmpty(const std::string& target) {
  struct stat info;
  if (::stat(target.c_str(), &info) != 0)
    return errno == ENOENT ? absl::OkStatus() : NotMade(target);
  if (!S_ISDIR(info.st_mode)) return errors::BackupInTheWay(target);
  DIR* const directory = ::opendir(target.c_str());
  if (directory == nullptr) return NotMade(target);
  bool empty = true;
  while (const dirent* const entry = ::readdir(directory)) {
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") empty = false;
  }
  ::closedir(directory);
  return empty ? absl::OkStatus() : errors::BackupInTheWay(target);
}

// The directory in which a backup grows. Goes at the end of the scope, with what this file makes in
// it, unless it was renamed.
class Growing {
 public:
  static absl::StatusOr<std::unique_ptr<Growing>> Make(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) != 0) return NotMade(path);
    return std::unique_ptr<Growing>(new Growing(path));
  }
  ~Growing() {
    if (path_.empty()) return;
    for (const SqliteArea& area : SqliteAreas()) {
      for (const char* suffix : {"", "-journal", "-wal", "-shm"})
        ::unlink(absl::StrCat(PathOf(area, path_), suffix).c_str());
    }
    ::unlink(absl::StrCat(path_, "/", kManifest).c_str());
    ::rmdir(path_.c_str());
  }

  absl::Status RenameTo(const std::string& target) {
    // An empty directory is replaced; one that was filled meanwhile is not.
    if (::rename(path_.c_str(), target.c_str()) != 0) {
      if (errno == ENOTEMPTY || errno == EEXIST) return errors::BackupInTheWay(target);
      if (errno == EBUSY || errno == EXDEV) {
        return errors::BackupNotMade(
            target, "something is mounted there: name a directory below it that is new");
      }
      return NotMade(target);
    }
    path_.clear();
    return FlushToDisk(ParentOf(target));
  }

 private:
  explicit Growing(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

absl::Status CopyFile(const std::string& from, const std::string& to) {
  const int fd = ::open(to.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return NotMade(to);
  ::close(fd);
  {
    SB_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> source,
                        SqliteConnection::Open(from, Access::kQueryOnly));
    SB_RETURN_IF_ERROR(source->Execute(kBusyTimeout));
    SB_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> target,
                        SqliteConnection::Open(to, Access::kReadWrite));
    SB_RETURN_IF_ERROR(source->CopyTo(target.get()));
  }
  return FlushToDisk(to);
}

Json ToJson(const Backup& backup) {
  Json files = Json::Array();
  for (const BackupFile& file : backup.files) {
    files.Append(Json::Object({{"area", file.area},
                               {"name", file.name},
                               {"bytes", file.bytes},
                               {"sha256", file.sha256.Hex()},
                               {"schema_version", file.schema_version}}));
  }
  Json json =
      Json::Object({{"format", kFormat},
                    {"time", absl::FormatTime(absl::RFC3339_sec, backup.time, absl::UTCTimeZone())},
                    {"made_by", backup.made_by}});
  if (backup.head.has_value()) {
    json.Set("store_id", backup.head->store_id)
        .Set("epoch", absl::StrCat(backup.head->epoch))  // as text: 64 bits
        .Set("revision", backup.head->revision.number)
        .Set("digest", backup.head->digest.Hex());
  }
  Json key_ids = Json::Array();
  for (const std::string& id : backup.key_ids) key_ids.Append(id);
  return json.Set("key_ids", std::move(key_ids)).Set("files", std::move(files));
}

std::string TextOf(const Json& json, absl::string_view key) {
  const Json* const member = json.Find(key);
  return member == nullptr ? "" : member->text();
}

// Compares the backup's files with what its manifest says of them. `verification` has looked at the
// files already.
absl::Status CompareWithManifest(const std::string& directory, const Json& manifest,
                                 Verification* verification) {
  const std::string path = absl::StrCat(directory, "/", kManifest);
  const auto found = [&](absl::string_view where, absl::string_view what) {
    verification->damage.push_back({std::string(where), std::string(what)});
  };
  if (TextOf(manifest, "format") != absl::StrCat(kFormat)) {
    found(path,
          absl::StrCat("format ", TextOf(manifest, "format"), " is not known to this signalbox"));
    return absl::OkStatus();
  }
  const Json* const files = manifest.Find("files");
  if (files == nullptr || files->elements().empty()) found(path, "it names no files");
  for (const Json& file : files == nullptr ? std::vector<Json>() : files->elements()) {
    const std::string name = TextOf(file, "name");
    if (name.empty() || absl::StrContains(name, '/')) {
      found(path, absl::StrCat("\"", name, "\" is no file of a backup"));
      continue;
    }
    const std::string its_path = absl::StrCat(directory, "/", name);
    const absl::StatusOr<Digest> sha256 = HashFile(its_path);
    if (absl::IsNotFound(sha256.status())) {
      found(its_path, "the file is missing");
      continue;
    }
    SB_RETURN_IF_ERROR(sha256.status());
    if (sha256->Hex() != TextOf(file, "sha256"))
      found(its_path, "its SHA-256 is not the one of the manifest");
    for (const CheckedArea& area : verification->areas) {
      if (area.where != its_path) continue;
      if (absl::StrCat(area.bytes) != TextOf(file, "bytes"))
        found(its_path, "its size is not the one of the manifest");
      if (absl::StrCat(area.schema_version) != TextOf(file, "schema_version"))
        found(its_path, "its schema version is not the one of the manifest");
    }
  }
  if (verification->head.has_value()) {
    const Head& head = *verification->head;
    if (TextOf(manifest, "store_id") != head.store_id ||
        TextOf(manifest, "epoch") != absl::StrCat(head.epoch) ||
        TextOf(manifest, "revision") != absl::StrCat(head.revision.number) ||
        TextOf(manifest, "digest") != head.digest.Hex()) {
      found(path, "its store, epoch, revision or digest is not that of config.db");
    }
  }
  return absl::OkStatus();
}

// The directory without the slashes at its end.
std::string Plain(absl::string_view directory) {
  while (directory.size() > 1 && absl::ConsumeSuffix(&directory, "/")) {
  }
  return std::string(directory);
}

}  // namespace

absl::StatusOr<Backup> BackUpSqlite(const SqliteBackupRequest& request) {
  const SqliteArea& config = SqliteAreaOf(StoreArea::kConfig);
  if (!Exists(PathOf(config, request.source))) return errors::NoStore(request.source);
  Backup backup = {.directory = Plain(request.target),
                   .time = absl::FromUnixSeconds(absl::ToUnixSeconds(request.now)),
                   .made_by = request.made_by};
  SB_RETURN_IF_ERROR(CheckNewOrEmpty(backup.directory));
  SB_RETURN_IF_ERROR(MakeDirectories(ParentOf(backup.directory), 0700));
  const std::string path = absl::StrCat(backup.directory, ".partial-", ::getpid());
  SB_ASSIGN_OR_RETURN(const std::unique_ptr<Growing> growing, Growing::Make(path));

  const std::vector<SqliteArea>& areas = SqliteAreas();
  for (auto area = areas.rbegin(); area != areas.rend(); ++area) {
    const std::string from = PathOf(*area, request.source);
    if (Exists(from)) SB_RETURN_IF_ERROR(CopyFile(from, PathOf(*area, path)));
  }
  Verification verification;
  for (const SqliteArea& area : areas) {
    const std::string copy = PathOf(area, path);
    if (!Exists(copy)) continue;
    SB_RETURN_IF_ERROR(VerifySqliteFile(area, copy, Access::kImmutable, &verification));
    if (!verification.sound() && area.loss == SqliteArea::Loss::kAccepted) {
      // Better a backup without it than none.
      verification.damage.clear();
      if (::unlink(copy.c_str()) != 0) return NotMade(copy);
      continue;
    }
    if (!verification.sound())
      return errors::BackupDamaged(area.file, verification.damage.front().what);
    const CheckedArea& checked = verification.areas.back();
    SB_ASSIGN_OR_RETURN(const Digest sha256, HashFile(copy));
    backup.files.push_back({.area = checked.area,
                            .name = std::string(area.file),
                            .bytes = checked.bytes,
                            .sha256 = sha256,
                            .schema_version = checked.schema_version});
  }
  backup.head = verification.head;
  backup.key_ids = verification.key_ids;
  SB_RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(path, "/", kManifest),
                                         ToJson(backup).Pretty() + "\n", 0600));
  SB_RETURN_IF_ERROR(growing->RenameTo(backup.directory));
  return backup;
}

absl::StatusOr<Verification> VerifySqliteBackup(const std::string& directory) {
  Verification verification = {.location = Plain(directory)};
  const std::string path = absl::StrCat(verification.location, "/", kManifest);
  const absl::StatusOr<std::string> text = ReadFile(path, kManifestBytes);
  if (absl::IsNotFound(text.status())) return errors::NoBackup(directory);
  SB_RETURN_IF_ERROR(text.status());
  for (const SqliteArea& area : SqliteAreas()) {
    const std::string copy = PathOf(area, verification.location);
    if (!Exists(copy) && area.area != StoreArea::kConfig) continue;
    SB_RETURN_IF_ERROR(VerifySqliteFile(area, copy, Access::kImmutable, &verification));
  }
  const absl::StatusOr<Json> manifest = Json::Parse(*text);
  if (!manifest.ok()) {
    verification.damage.push_back({path, std::string(manifest.status().message())});
    return verification;
  }
  SB_RETURN_IF_ERROR(CompareWithManifest(verification.location, *manifest, &verification));
  return verification;
}

absl::StatusOr<Verification> VerifySqliteStore(const std::string& directory) {
  Verification verification = {.location = Plain(directory)};
  if (!Exists(PathOf(SqliteAreaOf(StoreArea::kConfig), directory)))
    return errors::NoStore(directory);
  for (const SqliteArea& area : SqliteAreas()) {
    const std::string path = PathOf(area, verification.location);
    if (area.loss == SqliteArea::Loss::kAccepted && !Exists(path)) continue;
    SB_RETURN_IF_ERROR(VerifySqliteFile(area, path, Access::kQueryOnly, &verification));
  }
  return verification;
}

std::string BackupBeforeMigration(const std::string& directory, absl::Time now) {
  return absl::StrCat(directory, kBackups, kBeforeMigration,
                      absl::FormatTime("%Y%m%dT%H%M%E3SZ", now, absl::UTCTimeZone()));
}

absl::StatusOr<std::vector<std::string>> PruneBackupsBeforeMigration(const std::string& directory) {
  std::vector<std::string> backups;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(absl::StrCat(directory, kBackups), error)) {
    const std::string path = entry.path().string();
    if (absl::StartsWith(entry.path().filename().string(), kBeforeMigration) &&
        Exists(absl::StrCat(path, "/", kManifest))) {
      backups.push_back(path);
    }
  }
  // Their names sort by time.
  std::sort(backups.begin(), backups.end());
  backups.resize(backups.size() - std::min(backups.size(), kBackupsBeforeMigration));
  for (const std::string& path : backups) {
    std::filesystem::remove_all(path, error);
    if (error) {
      return errors::StoreUnavailable(
          absl::StrCat("cannot remove the old backup ", path, ": ", error.message()));
    }
  }
  return backups;
}

}  // namespace signalbox
