#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "options/postgres_target.h"

namespace signalbox::options {

struct SqliteSettings {
  // The directory of its files; "" in memory.
  std::string directory;

  bool in_memory() const { return directory.empty(); }
  friend bool operator==(const SqliteSettings&, const SqliteSettings&) = default;
};

struct PostgresSettings {
  PostgresTarget primary;
  // For lists and exports.
  std::optional<PostgresTarget> replica;
  // The direct connection for LISTEN, where `primary` is a pooler's.
  std::optional<PostgresTarget> listen;
  // Holds the password of each target that has none; "" for none. Whoever connects reads it
  // (options/password_file.h).
  std::string password_file;

  friend bool operator==(const PostgresSettings&, const PostgresSettings&) = default;
};

// What to do with an older schema at start.
enum class Migrate { kAuto, kRequire, kOff };
// "auto", "require", "off".
absl::string_view MigrateName(Migrate migrate);

// Where the store is and how it is used.
struct StoreSettings {
  std::variant<SqliteSettings, PostgresSettings> backend;
  Migrate migrate = Migrate::kAuto;
  // Connections that read: 1 <= pool_min <= pool_max.
  int pool_min = 1;
  int pool_max = 4;
  // Queries that take longer are logged.
  absl::Duration slow_query = absl::Milliseconds(100);
  // A PostgreSQL with fsync=off is taken all the same.
  bool allow_fsync_off = false;

  // Null when it is the other one.
  const SqliteSettings* sqlite() const { return std::get_if<SqliteSettings>(&backend); }
  const PostgresSettings* postgres() const { return std::get_if<PostgresSettings>(&backend); }
  // As a url, for people, without anything secret.
  std::string ToString() const;

  friend bool operator==(const StoreSettings&, const StoreSettings&) = default;
};

// What was said: the texts of the options store.*, "" where nothing was said.
struct StoreText {
  std::string url;
  std::string driver;  // "", "sqlite" or "postgres"
  std::string path;
  std::string host;
  std::string port;
  std::string user;
  std::string password;
  std::string password_file;
  std::string dbname;
  std::string sslmode;
  std::string migrate;  // "", "auto", "require" or "off"
  int pool_min = 1;
  int pool_max = 4;
  std::string replica_url;
  std::string listen_url;
  absl::Duration slow_query = absl::Milliseconds(100);
  bool allow_fsync_off = false;

  int instances = 1;
  bool production = false;
  // Where SQLite lies when nothing is said; "" when that cannot be known.
  std::string default_directory;
};

// Something about one option.
struct StoreNote {
  std::string key;    // "store.url"
  std::string text;   // about it, without naming it; says what would be right, holds no password
  std::string other;  // the option that it does not go with; may be ""
};

struct ParsedStore {
  // Only when there are no problems.
  StoreSettings settings;
  std::vector<StoreNote> problems;  // everything that is wrong
  std::vector<StoreNote> warnings;
};

// Works out the store. Pure: looks at no file and no network.
ParsedStore ParseStore(const StoreText& text);

}  // namespace signalbox::options
