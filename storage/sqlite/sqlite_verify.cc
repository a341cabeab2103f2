#include "storage/sqlite/sqlite_verify.h"

#include <sys/stat.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "storage/audit_chain.h"
#include "storage/migrator/migrator.h"
#include "storage/seal/key_id.h"
#include "storage/sqlite/resource_rows.h"
#include "storage/sqlite/sealing_rows.h"
#include "storage/sqlite/sqlite_audit_log.h"
#include "storage/sqlite/sqlite_migrations.h"

namespace signalbox {
namespace {

// What is named of one kind of damage in one file; a damaged page may have thousands of followers.
constexpr int kNamedAtMost = 20;

constexpr char kSettings[] =
    "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; "
    "PRAGMA cell_size_check = ON";
constexpr Sql kApplicationId = {"application_id", "PRAGMA application_id"};
constexpr Sql kTableCount = {"table_count", "SELECT count(*) FROM sqlite_schema"};
constexpr Sql kIntegrity = {"integrity_check", "PRAGMA integrity_check(20)"};
constexpr Sql kForeignKeys = {"foreign_key_check", "PRAGMA foreign_key_check"};
constexpr Sql kCountSealed = {"count_sealed", "SELECT count(*) FROM body WHERE key_id IS NOT NULL"};
constexpr Sql kHasRevisions = {"has_revisions", "SELECT count(*) FROM revision"};
// A resource at the head is what the last revision made that changed it.
constexpr Sql kHeadWithoutHistory = {
    "head_without_history",
    "SELECT k.namespace, k.type, k.name FROM resource r LEFT JOIN resource_key k ON k.id = r.key "
    "WHERE r.changed_in >= (SELECT oldest_revision FROM head) AND NOT EXISTS ("
    "  SELECT 1 FROM resource_history h WHERE h.revision = r.changed_in AND h.key = r.key "
    "  AND h.record = r.record) LIMIT 20"};
// What the last revision made that changed it is at the head.
constexpr Sql kHistoryWithoutHead = {
    "history_without_head",
    "SELECT k.namespace, k.type, k.name FROM resource_key k "
    "JOIN resource_history h ON h.key = k.id AND h.revision = "
    "  (SELECT max(revision) FROM resource_history WHERE key = k.id) "
    "LEFT JOIN resource r ON r.key = k.id "
    "WHERE h.record IS NOT r.record LIMIT 20"};
constexpr Sql kLabelsAstray = {
    "labels_astray",
    "SELECT k.namespace, k.type, k.name FROM resource r JOIN resource_key k ON k.id = r.key "
    "JOIN record c ON c.id = r.record WHERE json_valid(c.labels) AND ("
    "  (SELECT count(*) FROM json_each(c.labels)) <> "
    "  (SELECT count(*) FROM resource_label l WHERE l.resource = r.key) "
    "  OR EXISTS (SELECT 1 FROM json_each(c.labels) j WHERE NOT EXISTS ("
    "    SELECT 1 FROM resource_label l "
    "    WHERE l.resource = r.key AND l.key = j.key AND l.value = j.value))) LIMIT 20"};

// Keeps a damage that was met as an error, and gives every other error back.
absl::Status Note(const absl::Status& status, absl::string_view where, Verification* verification) {
  if (!absl::IsDataLoss(status)) return status;
  verification->damage.push_back({std::string(where), std::string(status.message())});
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Number(SqliteConnection* connection, const Sql& sql) {
  SqliteQuery query(connection, sql);
  const int64_t number = query.Step() ? query.Int(0) : 0;
  SB_RETURN_IF_ERROR(query.status());
  return number;
}

// One file, while it is looked at.
class FileCheck {
 public:
  FileCheck(const SqliteArea& area, const std::string& path, SqliteConnection* connection,
            Verification* verification)
      : area_(area), path_(path), connection_(connection), verification_(verification) {}

  absl::Status Owner() {
    SB_ASSIGN_OR_RETURN(const int64_t id, Number(connection_, kApplicationId));
    SB_ASSIGN_OR_RETURN(const int64_t tables, Number(connection_, kTableCount));
    if (id != area_.application_id && tables > 0)
      Found(absl::StrCat("it is a SQLite file of another program (application_id ", id, ")"));
    return absl::OkStatus();
  }

  absl::Status Pages() {
    SqliteQuery row(connection_, kIntegrity);
    while (row.Step()) {
      if (row.Text(0) != "ok") Found(absl::StrCat("integrity_check: ", row.Text(0)));
    }
    return row.status();
  }

  absl::Status ForeignKeys() {
    SqliteQuery row(connection_, kForeignKeys);
    for (int found = 0; found < kNamedAtMost && row.Step(); ++found) {
      Found(absl::StrCat("a row of ", row.Text(0),
                         row.IsNull(1) ? "" : absl::StrCat(" (", row.Int(1), ")"),
                         " names a row of ", row.Text(2), " that is not there"));
    }
    return row.status();
  }

  // Whether the content can be understood.
  absl::StatusOr<bool> Schema(int* version) {
    SqliteMigrationTarget target(path_, connection_);
    const SystemClock clock;
    SB_ASSIGN_OR_RETURN(const MigrationStatus status,
                        Migrator(area_.migrations(), "", &target, &clock).Inspect());
    *version = status.version();
    if (!status.fitness.ok()) Found(status.fitness.message());
    return status.fitness.ok() && status.version() > 0 && status.version() == status.known;
  }

  absl::Status Config() {
    SB_ASSIGN_OR_RETURN(const SqliteTransaction transaction,
                        SqliteTransaction::Begin(connection_, SqliteTransaction::Kind::kRead));
    SB_ASSIGN_OR_RETURN(const std::optional<HeadRow> head, ReadHeadRow(connection_));
    if (!head.has_value()) {
      SB_ASSIGN_OR_RETURN(const int64_t revisions, Number(connection_, kHasRevisions));
      if (revisions > 0) Found("the head is missing");
      return absl::OkStatus();
    }
    verification_->head = head->head;
    SB_ASSIGN_OR_RETURN(const std::vector<KeyId> keys, ReadKeyIds(connection_));
    for (const KeyId& key : keys) verification_->key_ids.push_back(key.Hex());
    SB_ASSIGN_OR_RETURN(verification_->unopened, Number(connection_, kCountSealed));
    SB_RETURN_IF_ERROR(Note(CheckChain(connection_, *head, std::numeric_limits<int64_t>::max()),
                            path_, verification_));
    SB_RETURN_IF_ERROR(Note(Records(*head), path_, verification_));
    SB_RETURN_IF_ERROR(Note(ReadResources(connection_, nullptr).status(), path_, verification_));
    SB_RETURN_IF_ERROR(Each(kHeadWithoutHistory, " is not what its last revision made"));
    SB_RETURN_IF_ERROR(
        Each(kHistoryWithoutHead, " is not at the head as its last revision made it"));
    return Each(kLabelsAstray, " cannot be found by its labels");
  }

  absl::Status Audit() {
    SB_ASSIGN_OR_RETURN(const SqliteTransaction transaction,
                        SqliteTransaction::Begin(connection_, SqliteTransaction::Kind::kRead));
    return VerifyAuditChain([this](int64_t after, int count) {
             return ReadAuditChainPart(connection_, after, count);
           })
        .status();
  }

 private:
  void Found(absl::string_view what) {
    verification_->damage.push_back({path_, std::string(what)});
  }

  absl::Status Records(const HeadRow& head) {
    Revision after = head.Below();
    while (after < head.head.revision) {
      SB_ASSIGN_OR_RETURN(const std::vector<RevisionChanges> changes,
                          ReadChanges(connection_, nullptr, head, after));
      if (changes.empty()) break;
      after = changes.back().info.revision;
    }
    return absl::OkStatus();
  }

  absl::Status Each(const Sql& sql, absl::string_view what) {
    SqliteQuery row(connection_, sql);
    while (row.Step()) Found(absl::StrCat(row.Text(0), "/", row.Text(1), "/", row.Text(2), what));
    return row.status();
  }

  const SqliteArea& area_;
  const std::string& path_;
  SqliteConnection* const connection_;
  Verification* const verification_;
};

}  // namespace

absl::Status VerifySqliteFile(const SqliteArea& area, const std::string& path,
                              SqliteConnection::Access access, Verification* verification) {
  struct stat info;
  CheckedArea checked = {.area = std::string(area.name), .where = path};
  if (::stat(path.c_str(), &info) != 0) {
    verification->damage.push_back({path, "the file is missing"});
    return absl::OkStatus();
  }
  checked.bytes = info.st_size;
  SB_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> connection,
                      SqliteConnection::Open(path, access));
  FileCheck check(area, path, connection.get(), verification);
  const auto look = [&](absl::string_view what, const absl::Status& status) {
    checked.checks.emplace_back(what);
    return Note(status, path, verification);
  };
  SB_RETURN_IF_ERROR(Note(connection->ExecuteScript("settings", kSettings), path, verification));
  SB_RETURN_IF_ERROR(look("owner", check.Owner()));
  SB_RETURN_IF_ERROR(look("integrity", check.Pages()));
  SB_RETURN_IF_ERROR(look("foreign keys", check.ForeignKeys()));
  const absl::StatusOr<bool> understood = check.Schema(&checked.schema_version);
  SB_RETURN_IF_ERROR(look("schema", understood.status()));
  const bool readable = understood.ok() && *understood;
  if (readable && area.area == StoreArea::kConfig)
    SB_RETURN_IF_ERROR(look("chain, records", check.Config()));
  if (readable && area.area == StoreArea::kAudit) SB_RETURN_IF_ERROR(look("chain", check.Audit()));
  verification->areas.push_back(std::move(checked));
  return absl::OkStatus();
}

}  // namespace signalbox
