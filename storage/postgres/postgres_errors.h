#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

struct pg_result;

// For storage/postgres and its tests only: no other room includes this.
namespace signalbox {

// What a server's error says of the transaction that it hit.
struct PostgresFailure {
  absl::Status status;           // one of storage/errors.h
  bool connection_lost = false;  // the session is over; of what was under way nothing is known
  bool host_unfit = false;  // the host cannot write (any more): another one is to be looked for
};

// The status of a failed statement, by its SQLSTATE: the one table that turns PostgreSQL's codes
// into ours. The text names the statement and the code, and the server's words where they hold no
// values.
//   kAborted             a lock was not to be had, a deadlock, a conflict: the transaction is
//   undone kResourceExhausted   the server's disk is full kDataLoss            a damaged page or
//   index, a table that is missing kFailedPrecondition  the user may not do that kUnavailable any
//   other
PostgresFailure PostgresFailureOf(absl::string_view statement, const pg_result* result);

}  // namespace signalbox
