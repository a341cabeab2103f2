#include "tests/storage/sqlite/opened_stores.h"

#include <iostream>

#include "base/check.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_audit_log.h"
#include "storage/sqlite/sqlite_directory.h"
#include "storage/sqlite/sqlite_job_queue.h"
#include "storage/sqlite/sqlite_leases.h"
#include "storage/sqlite/sqlite_node_history.h"
#include "storage/sqlite/sqlite_resource_store.h"

namespace signalbox::testing {

OpenedStores::OpenedStores(const std::string& directory) {
  const auto opened = SqliteDirectory::Open(
      {.directory = directory, .applied_by = "test", .clock = &clock_, .witness = ""});
  if (!opened.ok()) std::cerr << opened.status() << "\n";
  SB_CHECK(opened.ok());
  auto resources = SqliteResourceStore::Create(*opened, &clock_, &random_, /*key_file=*/"");
  if (!resources.ok()) std::cerr << resources.status() << "\n";
  SB_CHECK(resources.ok());
  resources_ = *std::move(resources);
  auto audit = SqliteAuditLog::Create((*opened)->database(StoreArea::kAudit), &clock_);
  if (!audit.ok()) std::cerr << audit.status() << "\n";
  SB_CHECK(audit.ok());
  audit_ = *std::move(audit);
  const auto queue = (*opened)->database(StoreArea::kQueue);
  jobs_ = std::make_unique<SqliteJobQueue>(queue, &clock_, /*max_waiting=*/1000);
  leases_ = std::make_unique<SqliteLeases>(queue, &clock_);
  nodes_ = std::make_unique<SqliteNodeHistory>((*opened)->database(StoreArea::kTelemetry), &clock_);
}

OpenedStores::~OpenedStores() = default;

}  // namespace signalbox::testing
