#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage/audit_log.h"
#include "storage/job_queue.h"
#include "storage/leases.h"
#include "storage/node_history.h"
#include "storage/resource_store.h"

// What a store is asked to write in a short life, what it says of each of it, and what is there
// when the life is over: the same for every backend, so that a fault at any moment can be judged.
namespace signalbox::testing {

// What a caller knows of something that was to be written.
enum class Told {
  kWritten,  // acknowledged
  kNot,      // refused or failed: nothing was written
  kUnknown,  // it may have been written
};

// By name: "commit 0", "job 1 done".
using Ledger = std::map<std::string, Told>;
using Facts = std::set<std::string>;

// The stores of one database that live at the same time; those of areas that do not take part are
// null.
struct Stores {
  ResourceStore* resources = nullptr;
  AuditLog* audit = nullptr;
  JobQueue* jobs = nullptr;
  Leases* leases = nullptr;
  NodeHistory* nodes = nullptr;
};

// One area's life. `name` is a word that no other life in the same database has.
struct AreaLife {
  absl::string_view area;
  // Writes what the life writes, as far as the store lets it. Aborts the test (SB_CHECK) only where
  // an error has a code that the interface does not name.
  Ledger (*live)(const Stores& stores, const std::string& name);
  // What of it is there, read from stores that are well; damage and gaps abort the test.
  Facts (*found)(const Stores& stores, const std::string& name);
};

// Of the areas config, audit, queue and telemetry.
const std::vector<AreaLife>& AreaLives();

// What `ledger` says that is not so; "" where all of it is true.
std::string Lies(const Ledger& ledger, const Facts& found);

// "3 written, 1 not, 1 unknown", for the log.
std::string Summary(const Ledger& ledger);

}  // namespace signalbox::testing
