#include "storage/sqlite/sqlite_connection.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "storage/errors.h"

namespace signalbox {
namespace {

constexpr Sql kBeginRead = {"begin_read", "BEGIN"};
constexpr Sql kBeginWrite = {"begin_write", "BEGIN IMMEDIATE"};
constexpr Sql kCommit = {"commit", "COMMIT"};
constexpr Sql kRollback = {"rollback", "ROLLBACK"};

// The path as SQLite's URI of a file that does not change.
std::string ImmutableUri(absl::string_view path) {
  return absl::StrCat(
      "file:", absl::StrReplaceAll(path, {{"%", "%25"}, {"?", "%3f"}, {"#", "%23"}}),
      "?immutable=1");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path,
                                                                         Access access) {
  const int flags = access == Access::kReadWrite   ? SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE
                    : access == Access::kQueryOnly ? SQLite::OPEN_READWRITE
                                                   : SQLite::OPEN_READONLY | SQLite::OPEN_URI;
  try {
    auto database =
        std::make_unique<SQLite::Database>(access == Access::kImmutable ? ImmutableUri(path) : path,
                                           flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE);
    return std::unique_ptr<SqliteConnection>(new SqliteConnection(path, std::move(database)));
  } catch (const SQLite::Exception& e) {
    return errors::StoreUnfit(absl::StrCat("cannot open ", path, ": ", e.what()));
  }
}

SqliteConnection::SqliteConnection(std::string path, std::unique_ptr<SQLite::Database> database)
    : path_(std::move(path)), database_(std::move(database)) {
  // Checkpoints are the database's decision: after a failure the files stay as they are.
  sqlite3_db_config(database_->getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void SqliteConnection::WatchLog() {
  sqlite3_wal_hook(
      database_->getHandle(),
      [](void* self, sqlite3*, const char*, int frames) {
        auto* const connection = static_cast<SqliteConnection*>(self);
        connection->log_frames_ = frames;
        connection->log_written_ = true;
        return SQLITE_OK;
      },
      this);
}

SqliteConnection::~SqliteConnection() { prepared_.clear(); }

absl::Status SqliteConnection::Failed(absl::string_view name, int code) {
  sqlite3* const handle = database_->getHandle();
  const int system_error = sqlite3_system_errno(handle);
  const int primary = code & 0xff;
  const bool disk_full =
      primary == SQLITE_FULL ||
      (primary == SQLITE_IOERR && (system_error == ENOSPC || system_error == EDQUOT));
  std::string detail = absl::StrCat(path_, ", ", name, ": ", sqlite3_errmsg(handle), " (", code);
  if (primary == SQLITE_IOERR && system_error != 0)
    absl::StrAppend(&detail, ", ", std::strerror(system_error));
  detail += ")";
  if (disk_full) return errors::StoreFull(detail);
  switch (primary) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      // What the statements rely on does not hold: the file is not what this program wrote.
      damaged_ = true;
      return errors::StoreDamaged(detail);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return errors::StoreBusy(detail);
    case SQLITE_IOERR:
      if (code == SQLITE_IOERR_CORRUPTFS || code == SQLITE_IOERR_DATA) {
        damaged_ = true;
        return errors::StoreDamaged(detail);
      }
      io_failed_ = true;
      return errors::StoreUnavailable(detail);
    default:
      return errors::StoreUnavailable(detail);
  }
}

absl::StatusOr<SQLite::Statement*> SqliteConnection::Prepared(const Sql& sql) {
  std::unique_ptr<SQLite::Statement>& statement = prepared_[sql.text];
  if (statement == nullptr) {
    try {
      statement = std::make_unique<SQLite::Statement>(*database_, sql.text);
    } catch (const SQLite::Exception&) {
      return Failed(sql.name, sqlite3_extended_errcode(database_->getHandle()));
    }
  }
  return statement.get();
}

absl::Status SqliteConnection::Execute(const Sql& sql) { return SqliteQuery(this, sql).Run(); }

absl::Status SqliteConnection::ExecuteScript(absl::string_view name, const std::string& script) {
  const int code = database_->tryExec(script);
  return code == SQLITE_OK ? absl::OkStatus()
                           : Failed(name, sqlite3_extended_errcode(database_->getHandle()));
}

absl::Status SqliteConnection::CopyTo(SqliteConnection* target) {
  sqlite3* const to = target->database_->getHandle();
  sqlite3_backup* const backup = sqlite3_backup_init(to, "main", database_->getHandle(), "main");
  if (backup == nullptr) return target->Failed("backup", sqlite3_extended_errcode(to));
  const int code = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);  // repeats the step's error
  return code == SQLITE_DONE ? absl::OkStatus() : target->Failed("backup", code);
}

absl::StatusOr<SqliteConnection::Checkpointed> SqliteConnection::Checkpoint(CheckpointMode mode) {
  int frames = 0;
  int copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(
      database_->getHandle(), "main",
      mode == CheckpointMode::kPassive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE,
      &frames, &copied);
  const bool held_back = (code & 0xff) == SQLITE_BUSY;
  if (code != SQLITE_OK && !held_back) return Failed("checkpoint", code);
  return Checkpointed{.complete = !held_back && frames == copied, .frames = frames};
}

void SqliteConnection::Interrupt() { sqlite3_interrupt(database_->getHandle()); }

int64_t SqliteConnection::LastInsertId() const { return database_->getLastInsertRowid(); }

int64_t SqliteConnection::ChangedRows() const { return sqlite3_changes64(database_->getHandle()); }

bool SqliteConnection::InTransaction() const {
  return sqlite3_get_autocommit(database_->getHandle()) == 0;
}

std::string SqliteConnection::LibraryVersion() { return sqlite3_libversion(); }

int SqliteConnection::LibraryVersionNumber() { return sqlite3_libversion_number(); }

SqliteQuery::SqliteQuery(SqliteConnection* connection, const Sql& sql)
    : connection_(connection), sql_(sql) {
  absl::StatusOr<SQLite::Statement*> statement = connection->Prepared(sql);
  if (statement.ok()) {
    statement_ = *statement;
  } else {
    status_ = statement.status();
  }
}

SqliteQuery::~SqliteQuery() {
  if (statement_ == nullptr) return;
  if (took_.count() > 0) connection_->observer_(sql_.name, absl::FromChrono(took_));
  statement_->tryReset();  // repeats the error of the last step, which is in status_
  try {
    statement_->clearBindings();
  } catch (const SQLite::Exception&) {
    // It has no way to fail.
  }
}

SqliteQuery& SqliteQuery::BindWith(const std::function<void(SQLite::Statement&)>& bind) {
  if (!status_.ok()) return *this;
  try {
    bind(*statement_);
  } catch (const SQLite::Exception& e) {
    status_ = connection_->Failed(sql_.name, e.getExtendedErrorCode());
  }
  return *this;
}

SqliteQuery& SqliteQuery::Bind(int index, int64_t value) {
  return BindWith([&](SQLite::Statement& statement) { statement.bind(index, value); });
}

SqliteQuery& SqliteQuery::BindText(int index, absl::string_view value) {
  return BindWith([&](SQLite::Statement& statement) { statement.bind(index, std::string(value)); });
}

SqliteQuery& SqliteQuery::BindBlob(int index, absl::string_view value) {
  // A null pointer would bind NULL, not a blob of no bytes.
  const char* const data = value.empty() ? "" : value.data();
  return BindWith([&](SQLite::Statement& statement) {
    statement.bindNoCopy(index, data, static_cast<int>(value.size()));
  });
}

SqliteQuery& SqliteQuery::BindNull(int index) {
  return BindWith([&](SQLite::Statement& statement) { statement.bind(index); });
}

bool SqliteQuery::Step() {
  if (!status_.ok()) return false;
  const bool observed = connection_->observer_ != nullptr;
  using Clock = std::chrono::steady_clock;
  const Clock::time_point began = observed ? Clock::now() : Clock::time_point();
  const int code = statement_->tryExecuteStep();
  if (observed) took_ += Clock::now() - began;
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) status_ = connection_->Failed(sql_.name, code);
  return false;
}

absl::Status SqliteQuery::Run() {
  while (Step()) {
  }
  return status_;
}

int64_t SqliteQuery::Int(int column) const { return statement_->getColumn(column).getInt64(); }

absl::string_view SqliteQuery::Text(int column) const {
  const SQLite::Column value = statement_->getColumn(column);
  const char* const text = value.getText();
  return {text, static_cast<size_t>(value.getBytes())};
}

absl::string_view SqliteQuery::Blob(int column) const {
  const SQLite::Column value = statement_->getColumn(column);
  const auto* const bytes = static_cast<const char*>(value.getBlob());
  return bytes == nullptr ? absl::string_view()
                          : absl::string_view(bytes, static_cast<size_t>(value.getBytes()));
}

bool SqliteQuery::IsNull(int column) const { return statement_->isColumnNull(column); }

absl::StatusOr<SqliteTransaction> SqliteTransaction::Begin(SqliteConnection* connection,
                                                           Kind kind) {
  SB_RETURN_IF_ERROR(connection->Execute(kind == Kind::kRead ? kBeginRead : kBeginWrite));
  return SqliteTransaction(connection);
}

SqliteTransaction::~SqliteTransaction() {
  // SQLite may have rolled back by itself already. A rollback that fails leaves a connection that
  // is known to have failed.
  if (connection_ != nullptr && connection_->InTransaction())
    connection_->Execute(kRollback).IgnoreError();
}

absl::Status SqliteTransaction::Commit() { return connection_->Execute(kCommit); }

}  // namespace signalbox
