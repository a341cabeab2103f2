#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "storage/audit_log.h"
#include "storage/job_queue.h"
#include "storage/leases.h"
#include "storage/node_history.h"
#include "storage/resource_store.h"
#include "tests/storage/faults/area_lives.h"
#include "tests/testing/fake_clock.h"

namespace signalbox::testing {

// The stores of every area on one SQLite directory, open from here to the end of the scope. A
// directory that cannot be opened aborts the test.
class OpenedStores {
 public:
  // "": in memory.
  explicit OpenedStores(const std::string& directory);
  ~OpenedStores();
  OpenedStores(const OpenedStores&) = delete;
  OpenedStores& operator=(const OpenedStores&) = delete;

  Stores stores() const {
    return {.resources = resources_.get(),
            .audit = audit_.get(),
            .jobs = jobs_.get(),
            .leases = leases_.get(),
            .nodes = nodes_.get()};
  }

 private:
  FakeClock clock_;
  SystemRandom random_;
  std::unique_ptr<ResourceStore> resources_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<JobQueue> jobs_;
  std::unique_ptr<Leases> leases_;
  std::unique_ptr<NodeHistory> nodes_;
};

}  // namespace signalbox::testing
