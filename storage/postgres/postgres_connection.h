#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/postgres/limits.h"
#include "storage/postgres/postgres_dial.h"
#include "storage/postgres/postgres_errors.h"
#include "storage/postgres/postgres_params.h"
#include "storage/postgres/postgres_result.h"
#include "storage/sql.h"

// For storage/postgres and its tests only: no other room includes this.
namespace signalbox {

// Statements that go out together and are answered together: one round trip.
class PostgresBatch {
 public:
  PostgresBatch& Add(const Sql& sql, PostgresParams params = {}) {
    statements_.push_back({sql, std::move(params)});
    return *this;
  }
  size_t size() const { return statements_.size(); }

 private:
  friend class PostgresConnection;
  struct Statement {
    Sql sql;
    PostgresParams params;
  };
  std::vector<Statement> statements_;
};

// One connection to one server. Statements go out unnamed (a named one fails behind a pooler), with
// their values apart, and are answered in binary. Every wait has an end: a server that is silent
// for `silence` is given up, and the connection with it. Errors have the codes of
// PostgresFailureOf; in an open transaction what follows an error fails until it is rolled back.
// Used by one thread at a time.
class PostgresConnection {
 public:
  enum class Server { kWritable, kAny };
  struct Options {
    std::string conninfo;
    std::string application_name = "signalbox";
    Server server = Server::kWritable;
    absl::Duration longest_dial = limits::kPostgresDial;
    StatementObserver observer;  // may be null
  };

  // Blocks, with the errors, as DialPostgres.
  static absl::StatusOr<std::unique_ptr<PostgresConnection>> Open(const Options& options);
  ~PostgresConnection() = default;
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  // Runs one statement.
  absl::StatusOr<PostgresResult> Run(const Sql& sql, const PostgresParams& params = {});

  // Runs a text of several statements without values, as one transaction unless one is open.
  absl::Status RunScript(absl::string_view name, const std::string& script);

  // Runs one statement and hands out its rows as they come, so that a large answer is never held
  // whole. After an error of `visit` the rest of the answer is thrown away.
  absl::Status ForEachRow(const Sql& sql, const PostgresParams& params,
                          absl::FunctionRef<absl::Status(const PostgresRow&)> visit);

  // Runs the statements of a batch in order; the answers are in its order. At the first error the
  // rest is not run; where no transaction is open, what ran before is undone.
  absl::StatusOr<std::vector<PostgresResult>> RunBatch(const PostgresBatch& batch);

  // Runs `batch` and COMMIT in one round trip. OK: all of it is durable, as the server is set.
  //   kUnavailable  whether it was written is unknown: the connection was lost, the answer did not
  //                 come within limits::kPostgresCommit, or came with a warning (the wait for a
  //                 synchronous standby was cancelled). It is never cancelled from here.
  //   other         nothing was written
  absl::Status Commit(const PostgresBatch& batch);

  // Undoes the open transaction, if there is any. A connection on which that fails is broken.
  void Rollback();

  // Waits until the server notifies, `wake_fd` is readable or `timeout` has passed; whether the
  // server has notified. Every channel that was listened to counts.
  absl::StatusOr<bool> WaitForNotification(int wake_fd, absl::Duration timeout);

  // Whether it is of no use any more: lost, given up, or of a server that cannot write now.
  bool broken() const { return broken_; }
  // Whether a transaction is open, or has failed and waits for its rollback.
  bool in_transaction() const;

  // Longest silence of the server while an answer is due.
  void set_silence(absl::Duration silence) { silence_ = silence; }
  absl::Duration silence() const { return silence_; }

  int timeline() const { return timeline_; }
  const std::string& system_id() const { return system_id_; }
  int server_version() const { return server_version_; }
  // "15.4".
  std::string ServerVersionText() const;

 private:
  PostgresConnection(const Options& options, DialledPostgres dialled);

  absl::Status Send(const Sql& sql, const PostgresParams& params);
  // The next result, or null at the end of a statement's; waits until `deadline`, or while
  // `silence_` when that is infinite.
  absl::StatusOr<pg_result*> Next(absl::string_view name, absl::Time deadline);
  // Waits until a result can be taken.
  absl::Status Flush(absl::string_view name, absl::Time deadline);
  // Runs `batch` (and `commit` behind it) through a pipeline. `*undone` says whether an error means
  // that nothing was written.
  absl::StatusOr<std::vector<PostgresResult>> RunPipeline(const PostgresBatch& batch, bool commit,
                                                          bool* undone);
  absl::Status Lost(absl::string_view name, absl::string_view why);
  // Notes what a failed result says of the connection.
  absl::Status Failed(absl::string_view name, const pg_result* result);
  void Observe(absl::string_view name, absl::Time* since) const;

  const StatementObserver observer_;
  const int timeline_;
  const std::string system_id_;
  const int server_version_;
  const PostgresSession session_;
  absl::Duration silence_ = limits::kPostgresReadSilence;
  bool broken_ = false;
  bool fatal_ = false;   // the last failure ended the session
  bool warned_ = false;  // a WARNING came since this was last reset
};

// Rolls back, at the end of the scope, whatever is open on a connection by then.
class PostgresTransaction {
 public:
  // `connection` must outlive it.
  explicit PostgresTransaction(PostgresConnection* connection) : connection_(connection) {}
  ~PostgresTransaction() { connection_->Rollback(); }
  PostgresTransaction(const PostgresTransaction&) = delete;
  PostgresTransaction& operator=(const PostgresTransaction&) = delete;

  // Adds what begins a transaction that writes, with the time-outs and the durability that the
  // store promises (set within it: a pooler keeps nothing else).
  static void BeginWrite(PostgresBatch* batch);
  // The same for one that reads one state throughout.
  static void BeginRead(PostgresBatch* batch);

 private:
  PostgresConnection* const connection_;
};

}  // namespace signalbox
