#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

struct pg_conn;

// For storage/postgres and its tests only: no other room includes this.
namespace signalbox {

struct ClosePostgres {
  void operator()(pg_conn* connection) const;
};
using PostgresSession = std::unique_ptr<pg_conn, ClosePostgres>;

// A session and what its server said of itself.
struct DialledPostgres {
  PostgresSession session;
  bool writable = false;  // no standby, not set read-only
  int timeline = 0;       // of a server that is no standby: it grows with each promotion
  // Of the cluster, made with it: only timelines of one cluster can be compared.
  std::string system_id;
  int version = 0;  // 150004 for 15.4
};

// Connects to `conninfo`: a postgres:// or postgresql:// URL or libpq's keyword=value pairs, with
// several hosts where there are. All hosts are dialled at once, since libpq would wait for each in
// turn. The one that can write and has the highest timeline wins; with `any` one that cannot write
// will do. What the conninfo leaves open is set: keepalives, tcp_user_timeout, client_encoding,
// `application_name`; target_session_attrs is ours to say. Blocks for `longest` (or the
// conninfo's connect_timeout) at most, looking up names apart.
//   kFailedPrecondition  `conninfo` cannot be read, or the server is too old or not in UTF-8
//   kUnavailable         no host answers, lets this user in or can write; the text names each
absl::StatusOr<DialledPostgres> DialPostgres(const std::string& conninfo,
                                             absl::string_view application_name, bool any,
                                             absl::Duration longest);

// Where a conninfo leads, for people: "db1:5432,db2/fleet". Never holds a password; "" for one that
// cannot be read.
std::string PostgresLocation(const std::string& conninfo);

}  // namespace signalbox
