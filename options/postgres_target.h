#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signalbox::options {

// A PostgreSQL database and how to connect to it. A plain value.
struct PostgresTarget {
  // libpq's keywords and their values, without percent-encoding: host, port, user, dbname, sslmode,
  // connect_timeout, ... Several hosts stand in one value, with commas, and their ports likewise.
  // Never the password.
  std::map<std::string, std::string> parameters;
  // "" when none was said: libpq then asks its own places (PGPASSWORD, ~/.pgpass).
  std::string password;

  // The keyword's value, or "".
  std::string Get(absl::string_view keyword) const;
  // "postgres://signalbox@db1:5432,db2:5433/fleet": for people, and without anything secret.
  std::string ToString() const;

  friend bool operator==(const PostgresTarget&, const PostgresTarget&) = default;
};

// Reads postgres://[USER[:PASSWORD]@][HOST[:PORT],...]/DATABASE[?KEYWORD=VALUE&...], or the same
// with postgresql://, as libpq does, but strictly: a keyword that libpq does not know, one that is
// said twice, or a value that it would refuse later, is an error.
//   kInvalidArgument  the text says what is wrong and what would be right, and holds no password
absl::StatusOr<PostgresTarget> ParsePostgresUrl(absl::string_view url);

// Whether ParsePostgresUrl is the one to read it.
bool IsPostgresUrl(absl::string_view url);

// kInvalidArgument unless libpq would take each of the parameters.
absl::Status CheckPostgresParameters(const PostgresTarget& target);

// What libpq reads: keyword='value' pairs, sorted, the password among them when it is not "".
std::string PostgresConnectionString(const PostgresTarget& target);

}  // namespace signalbox::options
