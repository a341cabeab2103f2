#pragma once

#include <cstddef>
#include <cstdint>
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
//   kEvents     the table of audit events, kHead that of the log's head: to write past the store
//   Open...()   stores on the fixture's one database; as many as the test likes, on PostgreSQL each
//               with connections of its own, as several daemons have them
//   Close()     closes the database, which the next Open opens again; the stores must be gone
//   Run(sql)    runs a statement on the area audit, past its store
namespace signalbox {
class PostgresPool;
}

namespace signalbox::testing {

// Text of so many bytes that an index cannot make smaller; the same each time.
inline std::string Incompressible(size_t bytes) {
  std::string text;
  for (uint32_t state = 1; text.size() < bytes;) {
    state = state * 1664525 + 1013904223;
    text.push_back(static_cast<char>('!' + (state >> 24) % 90));
  }
  return text;
}

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
  static constexpr char kHead[] = "audit_head";

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
  static constexpr char kHead[] = "audit.head";

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
  std::shared_ptr<PostgresPool> Connect();
  const std::unique_ptr<State> state_;
};

// The order of the columns in tests/storage/conformance/table.
using AreaFixtures = std::tuple<SqliteFileAreas, SqliteMemoryAreas, PostgresAreas>;

}  // namespace signalbox::testing
