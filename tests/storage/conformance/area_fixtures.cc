#include "tests/storage/conformance/area_fixtures.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "storage/migrator/migrator.h"
#include "storage/postgres/postgres_audit_log.h"
#include "storage/postgres/postgres_job_queue.h"
#include "storage/postgres/postgres_leases.h"
#include "storage/postgres/postgres_migrations.h"
#include "storage/postgres/postgres_node_history.h"
#include "storage/postgres/postgres_pool.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_audit_log.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_directory.h"
#include "storage/sqlite/sqlite_job_queue.h"
#include "storage/sqlite/sqlite_leases.h"
#include "storage/sqlite/sqlite_node_history.h"
#include "tests/testing/postgres_cluster.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {

struct SqliteAreas::State {
  TempDir place;
  bool in_memory = false;
  std::shared_ptr<SqliteDirectory> directory;  // null: closed
};

SqliteAreas::SqliteAreas(bool in_memory) : state_(std::make_unique<State>()) {
  state_->in_memory = in_memory;
}

SqliteAreas::~SqliteAreas() = default;

SqliteAreas::State& SqliteAreas::Opened() {
  if (state_->directory == nullptr) {
    auto directory =
        SqliteDirectory::Open({.directory = state_->in_memory ? "" : state_->place.Join("data"),
                               .applied_by = "test",
                               .clock = &clock,
                               .witness = ""});
    SB_CHECK(directory.ok());
    state_->directory = *std::move(directory);
  }
  return *state_;
}

std::unique_ptr<AuditLog> SqliteAreas::OpenAuditLog() {
  auto log = SqliteAuditLog::Create(Opened().directory->database(StoreArea::kAudit), &clock);
  SB_CHECK(log.ok());
  return *std::move(log);
}

std::unique_ptr<JobQueue> SqliteAreas::OpenJobQueue(int64_t max_waiting) {
  return std::make_unique<SqliteJobQueue>(Opened().directory->database(StoreArea::kQueue), &clock,
                                          max_waiting);
}

std::unique_ptr<Leases> SqliteAreas::OpenLeases() {
  return std::make_unique<SqliteLeases>(Opened().directory->database(StoreArea::kQueue), &clock);
}

std::unique_ptr<NodeHistory> SqliteAreas::OpenNodeHistory() {
  return std::make_unique<SqliteNodeHistory>(Opened().directory->database(StoreArea::kTelemetry),
                                             &clock);
}

void SqliteAreas::Close() {
  SB_CHECK(state_->directory == nullptr || state_->directory.use_count() == 1);
  state_->directory.reset();
}

void SqliteAreas::Run(const std::string& sql) {
  const auto database = Opened().directory->database(StoreArea::kAudit);
  auto writer = database->Writer();
  SB_CHECK(writer.ok());
  SB_CHECK(writer->get()->ExecuteScript("test", sql).ok());
}

struct PostgresAreas::State {
  PostgresDatabase database;
  SystemRandom random;
  bool migrated = false;
  std::vector<std::weak_ptr<PostgresPool>> pools;  // of the stores that were opened
};

PostgresAreas::PostgresAreas() : state_(std::make_unique<State>()) {}

PostgresAreas::~PostgresAreas() = default;

std::shared_ptr<PostgresPool> PostgresAreas::Connect() {
  auto pool = std::make_shared<PostgresPool>(
      PostgresPool::Options{.connection = {.conninfo = state_->database.Url(), .observer = nullptr},
                            .readers = 2,
                            .random = &state_->random});
  state_->pools.push_back(pool);
  if (std::exchange(state_->migrated, true)) return pool;
  auto writer = pool->Writer();
  SB_CHECK(writer.ok());
  for (const PostgresArea area :
       {PostgresArea::kAudit, PostgresArea::kQueue, PostgresArea::kTelemetry}) {
    PostgresMigrationTarget target("test", area, writer->get());
    SB_CHECK(Migrator(PostgresMigrations(area), "test", &target, &clock).Up().ok());
  }
  return pool;
}

std::unique_ptr<AuditLog> PostgresAreas::OpenAuditLog() {
  return std::make_unique<PostgresAuditLog>(Connect(), &clock);
}

std::unique_ptr<JobQueue> PostgresAreas::OpenJobQueue(int64_t max_waiting) {
  return std::make_unique<PostgresJobQueue>(Connect(), &clock, max_waiting);
}

std::unique_ptr<Leases> PostgresAreas::OpenLeases() {
  return std::make_unique<PostgresLeases>(Connect(), &clock);
}

std::unique_ptr<NodeHistory> PostgresAreas::OpenNodeHistory() {
  return std::make_unique<PostgresNodeHistory>(Connect(), &clock);
}

void PostgresAreas::Close() {
  for (const std::weak_ptr<PostgresPool>& pool : state_->pools) SB_CHECK(pool.expired());
  state_->pools.clear();
}

void PostgresAreas::Run(const std::string& sql) { state_->database.Execute(sql); }

}  // namespace signalbox::testing
