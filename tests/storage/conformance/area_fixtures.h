#pragma once

#include <memory>
#include <string>
#include <tuple>

#include "storage/audit_log.h"
#include "storage/job_queue.h"
#include "storage/leases.h"
#include "storage/node_history.h"
#include "tests/testing/fake_clock.h"

// The stores of the areas audit, queue and telemetry, of every backend. A fixture has
//   kReopens    whether what was written is there after Close; what needs that prints n/a otherwise
//   clock       the stores'; moved by the test
//   kEvents     the table of audit events, to write to it past the store
//   Open...()   stores on the fixture's one database; as many as the test likes
//   Close()     closes the database, which the next Open opens again; the stores must be gone
//   Run(sql)    runs a statement on the area audit, past its store
namespace signalbox::testing {

class AreaFixture {
 public:
  AreaFixture(const AreaFixture&) = delete;
  AreaFixture& operator=(const AreaFixture&) = delete;

  FakeClock clock;

 protected:
  AreaFixture() = default;
};

// What both SQLite fixtures share.
class SqliteAreas : public AreaFixture {
 public:
  static constexpr char kEvents[] = "audit_event";

  ~SqliteAreas();
  std::unique_ptr<AuditLog> OpenAuditLog();
  std::unique_ptr<JobQueue> OpenJobQueue(int64_t max_waiting = 1000);
  std::unique_ptr<Leases> OpenLeases();
  std::unique_ptr<NodeHistory> OpenNodeHistory();
  void Close();
  void Run(const std::string& sql);

 protected:
  // In memory, or in a directory of its own.
  explicit SqliteAreas(bool in_memory);

 private:
  struct State;
  State& Opened();
  const std::unique_ptr<State> state_;
};

class SqliteFileAreas : public SqliteAreas {
 public:
  static constexpr bool kReopens = true;
  SqliteFileAreas() : SqliteAreas(false) {}
};

class SqliteMemoryAreas : public SqliteAreas {
 public:
  static constexpr bool kReopens = false;
  SqliteMemoryAreas() : SqliteAreas(true) {}
};

class PostgresAreas : public AreaFixture {
 public:
  static constexpr bool kReopens = true;
  static constexpr char kEvents[] = "audit.event";

  PostgresAreas();
  ~PostgresAreas();
  std::unique_ptr<AuditLog> OpenAuditLog();
  std::unique_ptr<JobQueue> OpenJobQueue(int64_t max_waiting = 1000);
  std::unique_ptr<Leases> OpenLeases();
  std::unique_ptr<NodeHistory> OpenNodeHistory();
  void Close();
  void Run(const std::string& sql);

 private:
  struct State;
  State& Opened();
  const std::unique_ptr<State> state_;
};

using AreaFixtures = std::tuple<SqliteFileAreas, SqliteMemoryAreas, PostgresAreas>;

}  // namespace signalbox::testing
