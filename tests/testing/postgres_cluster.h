#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/temp_dir.h"

namespace signalbox::testing {

// A PostgreSQL of its own: made by initdb with an ICU locale (so that text sorts by bytes only
// where that is asked for), reached through a Unix socket only, run without root, ended by its pid.
// A PostgreSQL that is not installed aborts the test with what to do; nothing is ever skipped. Used
// from the test's main thread, at whose end the kernel ends the server too.
class PostgresCluster {
 public:
  struct Options {
    // On where durability is the test; off, commits do not wait for the disk.
    bool fsync = false;
    // Further lines of postgresql.conf: {"max_connections", "20"}.
    std::vector<std::pair<std::string, std::string>> settings;
  };

  // Makes and starts it.
  explicit PostgresCluster(const Options& options);
  // Makes and starts a standby of `primary`, which must run: a copy that follows it by streaming,
  // under the name `application_name` as synchronous_standby_names knows it.
  PostgresCluster(const PostgresCluster& primary, const std::string& application_name);
  // Ends it; what it stored goes.
  ~PostgresCluster();
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  // One for the whole test binary with the default options, started at the first call.
  static PostgresCluster& Shared();

  // How the superuser "signalbox" reaches a database.
  std::string Url(const std::string& database) const;

  // Runs statements as the superuser in a database; aborts when one fails. Returns the first
  // column of the first row, "" where there is none.
  std::string Execute(const std::string& database, const std::string& sql) const;

  // Sets a parameter for all sessions from now on, without a restart.
  void Set(const std::string& name, const std::string& value) const;

  // Ends the server at once with SIGKILL, as a crash would.
  void Kill();
  // Ends the server in order; its sessions are broken off.
  void Stop();
  // Starts it again after Kill or Stop and waits until it takes connections.
  void Start();
  // Makes a standby a primary, and waits until it is one.
  void Promote() const;

  // The server's main process.
  pid_t pid() const { return pid_; }
  // Where its socket is.
  const std::string& socket_directory() const { return directory_.path(); }

 private:
  // Adds lines to postgresql.conf.
  void Configure(const std::vector<std::pair<std::string, std::string>>& settings) const;
  void WaitForEnd();

  const TempDir directory_;
  pid_t pid_ = 0;  // 0: not running
};

// A database of its own in a cluster, dropped at the end of the scope.
class PostgresDatabase {
 public:
  // `cluster` must outlive it, and run at its end.
  explicit PostgresDatabase(PostgresCluster* cluster = &PostgresCluster::Shared());
  ~PostgresDatabase();
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;

  const std::string& name() const { return name_; }
  std::string Url() const { return cluster_->Url(name_); }
  std::string Execute(const std::string& sql) const { return cluster_->Execute(name_, sql); }
  PostgresCluster& cluster() const { return *cluster_; }

 private:
  PostgresCluster* const cluster_;
  const std::string name_;
};

}  // namespace signalbox::testing
