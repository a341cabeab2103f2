#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "storage/alarm.h"
#include "storage/sql.h"
#include "storage/sqlite/sqlite_connection.h"

namespace signalbox {

// One SQLite file as the store uses it (STORAGE section 5): one connection does all writes and all
// checkpoints, a few that can only query read beside it. In memory one connection does everything,
// one user at a time. Safe from any thread.
class SqliteDatabase {
 public:
  enum class Durability {
    kFull,    // what was committed survives the power
    kNormal,  // the last commits may be lost with the power, never the file's wholeness
  };

  struct Options {
    std::string path;        // the file; "" in memory
    int application_id = 0;  // what tells our file from others (SQLite's header field)
    int readers = 2;         // connections that read, for a file
    Durability durability = Durability::kFull;
    StatementObserver observer;
    AlarmObserver alarm;
    // A larger file is checked whole beside the work on it, which begins at once.
    int64_t quick_check_bytes = int64_t{64} << 20;
    // A write-ahead log that could not be moved into the file for so long is an alarm.
    absl::Duration checkpoint_patience = absl::Seconds(30);
    // In the place of what statfs says the file system is: for tests.
    std::optional<uint32_t> file_system_magic;
  };

  // Opens the file, which is made when missing, with mode 0600; the directory must exist. Every
  // setting that durability or safety rests on is made and then read back. A file of up to
  // `quick_check_bytes` is checked whole before this returns; damage that is found in a larger one
  // afterwards makes it read-only and is an alarm.
  //   kFailedPrecondition  a network file system, a SQLite with the WAL-reset bug, a setting that
  //                        did not take, a file of another program, no permission
  //   kDataLoss            the file is damaged or no database
  //   kUnavailable         reading or writing failed
  static absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(const Options& options);

  // Closes.
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // A connection for one user; it goes back at the end of the scope. Must not outlive the database.
  class Lease {
   public:
    Lease(Lease&& other) noexcept : database_(other.database_), connection_(other.connection_) {
      other.connection_ = nullptr;
    }
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_ != nullptr) database_->Return(connection_);
    }
    SqliteConnection* get() const { return connection_; }

   private:
    friend class SqliteDatabase;
    Lease(SqliteDatabase* database, SqliteConnection* connection)
        : database_(database), connection_(connection) {}

    SqliteDatabase* database_;
    SqliteConnection* connection_;
  };

  // The connection that writes; waits for its turn. After a read, a write or a flush failed on it,
  // it is not used again: this opens another and empties the write-ahead log into the file first,
  // so that nothing is built on what may never have reached the disk.
  //   kUnavailable  that failed too
  //   kDataLoss     the file is damaged: it is read-only until the process opens it again
  //   kCancelled    Close was called
  //   any           what MakeReadOnly was given
  absl::StatusOr<Lease> Writer() SB_EXCLUDES(mu_);

  // A connection that reads; waits for its turn. In memory the one that writes.
  //   kCancelled  Close was called
  absl::StatusOr<Lease> Reader() SB_EXCLUDES(mu_);

  // Makes the file read-only for this process, since what it holds is not what was written.
  void MarkDamaged() SB_EXCLUDES(mu_);

  // kDataLoss once damage was found; the text says what to do.
  absl::Status Damage() SB_EXCLUDES(mu_);

  // Makes the file read-only for this process: from now on Writer gives `why`.
  void MakeReadOnly(absl::Status why) SB_EXCLUDES(mu_);

  // Bytes of the file and its write-ahead log; in memory those of its pages.
  //   kCancelled  Close was called
  absl::StatusOr<int64_t> SizeBytes() SB_EXCLUDES(mu_);

  // Waits for the leases that are out, refuses further ones, empties the write-ahead log into the
  // file and closes it. Twice is once.
  void Close() SB_EXCLUDES(mu_);

  bool in_memory() const { return options_.path.empty(); }

 private:
  explicit SqliteDatabase(const Options& options);

  absl::StatusOr<std::unique_ptr<SqliteConnection>> OpenConnection(
      SqliteConnection::Access access) const;
  void Return(SqliteConnection* connection) SB_EXCLUDES(mu_);
  // A connection to write on after a failure, with everything that was committed flushed into the
  // file.
  absl::StatusOr<std::unique_ptr<SqliteConnection>> ReopenedWriter() const;
  // Moves what was committed into the file, when nobody writes or the log has grown: runs until
  // Close.
  void CheckpointLoop() SB_EXCLUDES(mu_);
  // Checks the file whole, on a connection of its own, which Close interrupts.
  void CheckBeside() SB_EXCLUDES(mu_);
  void Tell(AlarmState state, absl::string_view text) const {
    if (options_.alarm) options_.alarm(state, text);
  }

  const Options options_;

  Mutex mu_;
  CondVar returned_;        // a connection came back, or closing_
  CondVar checkpoint_due_;  // log_frames_ or closing_ changed
  // Null only where it failed and could not be reopened.
  std::unique_ptr<SqliteConnection> writer_ SB_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<SqliteConnection>> readers_ SB_GUARDED_BY(mu_);
  std::vector<SqliteConnection*> idle_readers_ SB_GUARDED_BY(mu_);
  bool writer_out_ SB_GUARDED_BY(mu_) = false;
  // A checkpoint's turn comes before the next writer's.
  bool checkpoint_waits_ SB_GUARDED_BY(mu_) = false;
  bool writer_failed_ SB_GUARDED_BY(mu_) = false;
  bool damaged_ SB_GUARDED_BY(mu_) = false;
  absl::Status read_only_ SB_GUARDED_BY(mu_);  // OK: it is not
  bool closing_ SB_GUARDED_BY(mu_) = false;
  bool closed_ SB_GUARDED_BY(mu_) = false;
  // Committed since the last complete checkpoint; 0: nothing to do.
  int64_t log_frames_ SB_GUARDED_BY(mu_) = 0;
  // Times the writer came back with something written.
  int64_t writes_ SB_GUARDED_BY(mu_) = 0;

  // Null but while the file is checked beside the work on it.
  SqliteConnection* checking_ SB_GUARDED_BY(mu_) = nullptr;

  std::thread checkpointer_;
  std::thread checker_;
};

}  // namespace signalbox
