#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/sql.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

// For storage/sqlite and its tests only: no other room includes this.
namespace signalbox {

// One connection to one SQLite file. All the library's exceptions and result codes end here: every
// method gives the codes of storage/errors.h, with the statement's name and SQLite's own text. Used
// by one thread at a time.
//   kResourceExhausted   the disk is full; what was not committed is undone
//   kDataLoss            the file is damaged or no database
//   kAborted             another program holds the lock
//   kUnavailable         reading, writing or flushing failed; of a COMMIT: whether it was written
//                        is unknown
class SqliteConnection {
 public:
  enum class Access {
    kReadWrite,
    kQueryOnly,
    kImmutable,  // reads a file that nobody writes, and makes no other file beside it
  };

  // Opens `path` (":memory:" for one of its own in memory), which must exist unless `access` is
  // kReadWrite.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const std::string& path,
                                                                Access access);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // From now on `observer` is told of each statement.
  void Observe(StatementObserver observer) { observer_ = std::move(observer); }

  // Runs one statement that binds nothing, to its end; rows are left out.
  absl::Status Execute(const Sql& sql);

  // Runs a text of several statements.
  absl::Status ExecuteScript(absl::string_view name, const std::string& script);

  // Makes `target` hold what this file holds: one state of it, whoever writes meanwhile. Durable
  // when it returns. The errors are the target's or this file's.
  absl::Status CopyTo(SqliteConnection* target);

  // How far a checkpoint came.
  struct Checkpointed {
    bool complete = false;  // every frame is in the file; a reader may have held some back
    int64_t frames = 0;     // in the write-ahead log afterwards
  };
  enum class CheckpointMode { kPassive, kTruncate };
  absl::StatusOr<Checkpointed> Checkpoint(CheckpointMode mode);

  // Makes the statement that runs end early, as an error. The one method for other threads.
  void Interrupt();

  int64_t LastInsertId() const;
  // Rows that the last INSERT, UPDATE or DELETE changed.
  int64_t ChangedRows() const;
  bool InTransaction() const;
  // Counts what this connection writes to the write-ahead log from now on. PRAGMA
  // wal_autocheckpoint ends it.
  void WatchLog();
  // Frames in that log after the last commit on this connection.
  int64_t log_frames() const { return log_frames_; }
  // Whether anything was written to that log since the last call.
  bool TakeLogWritten() { return std::exchange(log_written_, false); }

  // Whether a read, a write or a flush has failed: what the operating system holds of the file is
  // no longer known.
  bool io_failed() const { return io_failed_; }
  // Whether SQLite has found the file damaged.
  bool damaged() const { return damaged_; }

  // The library's version: "3.53.4" and 3053004.
  static std::string LibraryVersion();
  static int LibraryVersionNumber();

 private:
  friend class SqliteQuery;

  SqliteConnection(std::string path, std::unique_ptr<SQLite::Database> database);

  // The prepared statement of `sql`, made once; it belongs to this connection.
  absl::StatusOr<SQLite::Statement*> Prepared(const Sql& sql);
  // The status of the call that just failed with `code`.
  absl::Status Failed(absl::string_view name, int code);

  const std::string path_;
  const std::unique_ptr<SQLite::Database> database_;
  // By the text's address.
  std::unordered_map<const char*, std::unique_ptr<SQLite::Statement>> prepared_;
  StatementObserver observer_;
  int64_t log_frames_ = 0;
  bool log_written_ = false;
  bool io_failed_ = false;
  bool damaged_ = false;
};

// One run of a prepared statement. Values are bound from 1, columns read from 0. The first error is
// kept: what comes after it does nothing, and Step is false.
//
//   SqliteQuery query(connection, kSelectHead);
//   query.Bind(1, 7);
//   while (query.Step()) Use(query.Int(0));
//   SB_RETURN_IF_ERROR(query.status());
//
// Views handed out are valid until the next Step. The statement is reset at the end of the scope;
// the same statement cannot run twice at once on a connection.
class SqliteQuery {
 public:
  SqliteQuery(SqliteConnection* connection, const Sql& sql);
  ~SqliteQuery();
  SqliteQuery(const SqliteQuery&) = delete;
  SqliteQuery& operator=(const SqliteQuery&) = delete;

  SqliteQuery& Bind(int index, int64_t value);
  // Text is copied; a blob is not: it must outlive this object.
  SqliteQuery& BindText(int index, absl::string_view value);
  SqliteQuery& BindBlob(int index, absl::string_view value);
  SqliteQuery& BindNull(int index);

  // Goes to the next row; false at the end and after an error.
  bool Step();
  // Steps to the end and returns the status: for what gives no rows.
  absl::Status Run();
  const absl::Status& status() const { return status_; }

  int64_t Int(int column) const;
  absl::string_view Text(int column) const;
  absl::string_view Blob(int column) const;
  bool IsNull(int column) const;

 private:
  SqliteQuery& BindWith(const std::function<void(SQLite::Statement&)>& bind);

  SqliteConnection* const connection_;
  const Sql sql_;
  SQLite::Statement* statement_ = nullptr;
  absl::Status status_;
  std::chrono::nanoseconds took_{0};  // in SQLite, where somebody wants to know
};

// A transaction that is rolled back at the end of the scope unless it was committed.
class SqliteTransaction {
 public:
  // kRead sees one state of the file throughout; kWrite takes the write lock at once.
  enum class Kind { kRead, kWrite };

  static absl::StatusOr<SqliteTransaction> Begin(SqliteConnection* connection, Kind kind);
  ~SqliteTransaction();
  SqliteTransaction(SqliteTransaction&& other) noexcept : connection_(other.connection_) {
    other.connection_ = nullptr;
  }
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;

  // Ends it. kUnavailable: whether it was written is unknown; every other error: nothing was
  // written.
  absl::Status Commit();

 private:
  explicit SqliteTransaction(SqliteConnection* connection) : connection_(connection) {}

  SqliteConnection* connection_;
};

}  // namespace signalbox
