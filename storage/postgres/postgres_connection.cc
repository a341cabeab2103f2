#include "storage/postgres/postgres_connection.h"

#include <poll.h>
#include <postgresql/libpq-fe.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "storage/errors.h"

namespace signalbox {
namespace {

constexpr Sql kBeginWrite = {"begin_write", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"};
// Each row that a write looks for is found through an index. A server that does not know yet how
// much a table holds would read whole tables instead.
constexpr Sql kSetWrite = {"set_write",
                           "SELECT set_config('enable_hashjoin', 'off', true), "
                           "set_config('enable_mergejoin', 'off', true), "
                           "set_config('enable_seqscan', 'off', true), "
                           "set_config('jit', 'off', true), "
                           "set_config('statement_timeout', '5s', true), "
                           "set_config('lock_timeout', '2s', true), "
                           "set_config('idle_in_transaction_session_timeout', '1s', true), "
                           "set_config('synchronous_commit', 'on', true)"};
constexpr Sql kBeginRead = {"begin_read", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
// Without jit: compiling a statement that runs once costs more than it saves.
constexpr Sql kSetRead = {"set_read",
                          "SELECT set_config('statement_timeout', '30s', true), "
                          "set_config('idle_in_transaction_session_timeout', '30s', true), "
                          "set_config('jit', 'off', true)"};
constexpr Sql kCommit = {"commit", "COMMIT"};
constexpr Sql kRollback = {"rollback", "ROLLBACK"};

constexpr int kBinary = 1;

absl::Time Now() { return SystemClock().Monotonic(); }

void ReceiveNotice(void* warned, const PGresult* notice) {
  const char* const severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity != nullptr && std::strcmp(severity, "WARNING") == 0) {
    *static_cast<bool*>(warned) = true;
  }
}

bool IsError(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_SINGLE_TUPLE &&
         status != PGRES_PIPELINE_SYNC;
}

int PollMilliseconds(absl::Duration left) {
  constexpr absl::Duration kLongest = absl::Minutes(10);
  return static_cast<int>(absl::ToInt64Milliseconds(
      absl::Ceil(std::clamp(left, absl::ZeroDuration(), kLongest), absl::Milliseconds(1))));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresConnection::Open(
    const Options& options) {
  SB_ASSIGN_OR_RETURN(DialledPostgres dialled,
                      DialPostgres(options.conninfo, options.application_name,
                                   options.server == Server::kAny, options.longest_dial));
  return std::unique_ptr<PostgresConnection>(new PostgresConnection(options, std::move(dialled)));
}

PostgresConnection::PostgresConnection(const Options& options, DialledPostgres dialled)
    : observer_(options.observer),
      timeline_(dialled.timeline),
      system_id_(std::move(dialled.system_id)),
      server_version_(dialled.version),
      session_(std::move(dialled.session)) {
  PQsetNoticeReceiver(session_.get(), ReceiveNotice, &warned_);
  PQsetnonblocking(session_.get(), 1);
}

absl::Status PostgresConnection::Lost(absl::string_view name, absl::string_view why) {
  broken_ = true;
  fatal_ = true;
  return errors::StoreUnavailable(absl::StrCat(name, ": ", why));
}

absl::Status PostgresConnection::Failed(absl::string_view name, const pg_result* result) {
  if (PQresultErrorField(result, PG_DIAG_SQLSTATE) == nullptr) {
    // No word of the server's: libpq's own, which names the connection at most.
    const std::vector<std::string> lines =
        absl::StrSplit(PQresultErrorMessage(result), '\n', absl::SkipEmpty());
    return Lost(name, lines.empty() ? "the connection was lost" : lines.front());
  }
  PostgresFailure failure = PostgresFailureOf(name, result);
  broken_ |= failure.connection_lost || failure.host_unfit;
  fatal_ |= failure.connection_lost;
  return failure.status;
}

void PostgresConnection::Observe(absl::string_view name, absl::Time* since) const {
  const absl::Time now = Now();
  if (observer_ != nullptr) observer_(name, now - *since);
  *since = now;
}

absl::Status PostgresConnection::Flush(absl::string_view name, absl::Time deadline) {
  PGconn* const session = session_.get();
  absl::Time last_heard = Now();
  while (true) {
    const int unsent = PQflush(session);
    if (unsent < 0) return Lost(name, "the connection was lost");
    if (unsent == 0 && PQisBusy(session) == 0) return absl::OkStatus();
    const absl::Duration left = std::min(deadline, last_heard + silence_) - Now();
    if (left <= absl::ZeroDuration()) return Lost(name, "the server did not answer in time");
    pollfd socket = {.fd = PQsocket(session),
                     .events = static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN),
                     .revents = 0};
    const int ready = ::poll(&socket, 1, PollMilliseconds(left));
    if (ready < 0 && errno != EINTR) return Lost(name, "waiting for the server failed");
    if (ready <= 0) continue;
    last_heard = Now();
    if ((socket.revents & ~POLLOUT) != 0 && PQconsumeInput(session) == 0) {
      return Lost(name, "the connection was lost");
    }
  }
}

absl::StatusOr<pg_result*> PostgresConnection::Next(absl::string_view name, absl::Time deadline) {
  SB_RETURN_IF_ERROR(Flush(name, deadline));
  return PQgetResult(session_.get());
}

absl::Status PostgresConnection::Send(const Sql& sql, const PostgresParams& params) {
  const std::vector<const char*> values = params.values();
  const std::vector<int> lengths = params.lengths();
  const std::vector<int> formats(values.size(), kBinary);
  if (PQsendQueryParams(session_.get(), sql.text, params.count(), params.types().data(),
                        values.data(), lengths.data(), formats.data(), kBinary) == 0) {
    return Lost(sql.name, "the connection was lost");
  }
  return absl::OkStatus();
}

absl::StatusOr<PostgresResult> PostgresConnection::Run(const Sql& sql,
                                                       const PostgresParams& params) {
  if (broken_) return Lost(sql.name, "the connection was lost");
  absl::Time since = Now();
  SB_RETURN_IF_ERROR(Send(sql, params));
  PostgresResult first(nullptr);
  while (true) {
    SB_ASSIGN_OR_RETURN(pg_result* const next, Next(sql.name, absl::InfiniteFuture()));
    if (next == nullptr) break;
    if (first.get() == nullptr) {
      first = PostgresResult(next);
    } else {
      PQclear(next);
    }
  }
  Observe(sql.name, &since);
  if (first.get() == nullptr) return Lost(sql.name, "the connection was lost");
  if (IsError(first.get())) return Failed(sql.name, first.get());
  return first;
}

absl::Status PostgresConnection::RunScript(absl::string_view name, const std::string& script) {
  if (broken_) return Lost(name, "the connection was lost");
  absl::Time since = Now();
  if (PQsendQuery(session_.get(), script.c_str()) == 0) {
    return Lost(name, "the connection was lost");
  }
  absl::Status status;
  while (true) {
    SB_ASSIGN_OR_RETURN(pg_result* const next, Next(name, absl::InfiniteFuture()));
    if (next == nullptr) break;
    const PostgresResult result(next);
    if (status.ok() && IsError(next)) status = Failed(name, next);
  }
  Observe(name, &since);
  return status;
}

absl::Status PostgresConnection::ForEachRow(
    const Sql& sql, const PostgresParams& params,
    absl::FunctionRef<absl::Status(const PostgresRow&)> visit) {
  if (broken_) return Lost(sql.name, "the connection was lost");
  absl::Time since = Now();
  SB_RETURN_IF_ERROR(Send(sql, params));
  if (PQsetSingleRowMode(session_.get()) == 0) return Lost(sql.name, "the connection was lost");
  absl::Status status;
  while (true) {
    SB_ASSIGN_OR_RETURN(pg_result* const next, Next(sql.name, absl::InfiniteFuture()));
    if (next == nullptr) break;
    const PostgresResult result(next);
    if (!status.ok()) continue;
    if (IsError(next)) {
      status = Failed(sql.name, next);
    } else if (PQresultStatus(next) == PGRES_SINGLE_TUPLE) {
      status = visit(result[0]);
    }
  }
  Observe(sql.name, &since);
  return status;
}

absl::StatusOr<std::vector<PostgresResult>> PostgresConnection::RunPipeline(
    const PostgresBatch& batch, bool commit, bool* undone) {
  *undone = false;
  const absl::string_view first_name = commit ? "commit" : batch.statements_.front().sql.name;
  if (broken_) {
    *undone = true;
    return Lost(first_name, "the connection was lost");
  }
  PGconn* const session = session_.get();
  if (PQenterPipelineMode(session) == 0) {
    *undone = true;
    return Lost(first_name, "the connection was lost");
  }
  absl::Time since = Now();
  const absl::Time deadline = commit ? since + limits::kPostgresCommit : absl::InfiniteFuture();
  for (const PostgresBatch::Statement& statement : batch.statements_) {
    SB_RETURN_IF_ERROR(Send(statement.sql, statement.params));
  }
  if (commit) SB_RETURN_IF_ERROR(Send(kCommit, {}));
  if (PQpipelineSync(session) == 0) return Lost(first_name, "the connection was lost");

  std::vector<PostgresResult> results;
  absl::Status status;
  const size_t count = batch.size() + (commit ? 1 : 0);
  for (size_t i = 0; i < count; ++i) {
    const absl::string_view name = i < batch.size() ? batch.statements_[i].sql.name : kCommit.name;
    if (commit && i == batch.size()) warned_ = false;
    PostgresResult first(nullptr);
    while (true) {
      SB_ASSIGN_OR_RETURN(pg_result* const next, Next(name, deadline));
      if (next == nullptr) break;
      if (first.get() == nullptr) {
        first = PostgresResult(next);
      } else {
        PQclear(next);
      }
    }
    if (first.get() == nullptr) {
      if (status.ok()) return Lost(name, "the connection was lost");
      break;
    }
    if (!status.ok()) continue;  // what follows an error is not run
    Observe(name, &since);
    if (IsError(first.get())) {
      status = Failed(name, first.get());
      // A session that ended may have ended at the COMMIT; one that the server ended for its
      // idleness had not seen anything of this.
      *undone = !fatal_ || absl::IsAborted(status);
      if (fatal_) return status;
      continue;
    }
    if (commit && i == batch.size() &&
        std::strcmp(PQcmdStatus(const_cast<pg_result*>(first.get())), "COMMIT") != 0) {
      status = errors::StoreBusy("commit: the transaction had failed before");
      *undone = true;
      continue;
    }
    results.push_back(std::move(first));
  }
  SB_ASSIGN_OR_RETURN(pg_result* const sync, Next(first_name, deadline));
  const PostgresResult end(sync);
  if (sync == nullptr || PQresultStatus(sync) != PGRES_PIPELINE_SYNC ||
      PQexitPipelineMode(session) == 0) {
    // The answers are all there; only the connection is of no use any more.
    broken_ = true;
  }
  if (!status.ok()) return status;
  return results;
}

absl::StatusOr<std::vector<PostgresResult>> PostgresConnection::RunBatch(
    const PostgresBatch& batch) {
  bool undone = false;
  return RunPipeline(batch, /*commit=*/false, &undone);
}

absl::Status PostgresConnection::Commit(const PostgresBatch& batch) {
  bool undone = false;
  const absl::Status status = RunPipeline(batch, /*commit=*/true, &undone).status();
  if (status.ok()) {
    if (!warned_) return status;
    // What the server warned of is in its log; that the promise may not hold is what matters.
    return errors::StoreUnavailable(
        "commit: the server warned that the change may not be on its synchronous standby");
  }
  if (!undone && !absl::IsUnavailable(status)) return errors::StoreUnavailable(status.message());
  if (undone && absl::IsUnavailable(status)) return errors::StoreBusy(status.message());
  return status;
}

bool PostgresConnection::in_transaction() const {
  return PQtransactionStatus(session_.get()) != PQTRANS_IDLE;
}

void PostgresConnection::Rollback() {
  if (broken_ || !in_transaction()) return;
  if (PQtransactionStatus(session_.get()) == PQTRANS_ACTIVE || !Run(kRollback).ok()) {
    broken_ = true;
  }
}

absl::StatusOr<bool> PostgresConnection::WaitForNotification(int wake_fd, absl::Duration timeout) {
  PGconn* const session = session_.get();
  bool notified = false;
  const auto take_all = [&] {
    while (PGnotify* const notify = PQnotifies(session)) {
      PQfreemem(notify);
      notified = true;
    }
  };
  take_all();
  if (notified) return true;
  pollfd sockets[] = {{.fd = PQsocket(session), .events = POLLIN, .revents = 0},
                      {.fd = wake_fd, .events = POLLIN, .revents = 0}};
  if (::poll(sockets, 2, PollMilliseconds(timeout)) < 0 && errno != EINTR) {
    return Lost("listen", "waiting for the server failed");
  }
  if (sockets[0].revents != 0 && PQconsumeInput(session) == 0) {
    return Lost("listen", "the connection was lost");
  }
  take_all();
  return notified;
}

std::string PostgresConnection::ServerVersionText() const {
  return absl::StrCat(server_version_ / 10000, ".", server_version_ % 10000);
}

void PostgresTransaction::BeginWrite(PostgresBatch* batch) {
  batch->Add(kBeginWrite).Add(kSetWrite);
}

void PostgresTransaction::BeginRead(PostgresBatch* batch) { batch->Add(kBeginRead).Add(kSetRead); }

}  // namespace signalbox
