// Memory that runs out at SQLite's allocation 1, 2, 3, ... under the stores of each area in memory:
// nothing crashes, and what a store says of its writes is true.
#include <sqlite3.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "base/check.h"
#include "tests/storage/faults/area_lives.h"
#include "tests/storage/faults/moments.h"
#include "tests/storage/sqlite/opened_stores.h"

namespace signalbox::testing {
namespace {

std::atomic<int64_t> allocations{0};
std::atomic<int64_t> fail_at{0};
sqlite3_mem_methods real;

bool Fails() { return ++allocations == fail_at; }

// Puts itself between SQLite and its allocator, for the life of the process.
void Install() {
  static const bool installed = [] {
    SB_CHECK(sqlite3_shutdown() == SQLITE_OK);
    SB_CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) == SQLITE_OK);
    sqlite3_mem_methods ours = real;
    ours.xMalloc = [](int size) { return Fails() ? nullptr : real.xMalloc(size); };
    ours.xRealloc = [](void* old, int size) {
      return Fails() ? nullptr : real.xRealloc(old, size);
    };
    SB_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK);
    // Without it small allocations never reach the allocator.
    SB_CHECK(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK);
    SB_CHECK(sqlite3_initialize() == SQLITE_OK);
    return true;
  }();
  SB_CHECK(installed);
}

TEST_CASE(
    "whichever allocation fails under a store in memory, what it says of its writes is true") {
  Install();
  const AreaLife& life = AreaLives()[GENERATE(range(size_t{0}, AreaLives().size()))];
  // The ledger and what is there, of a life whose nth allocation fails.
  const auto lies = [&](int64_t nth, Ledger* ledger) {
    const OpenedStores opened("");
    allocations = 0;
    fail_at = nth;
    *ledger = life.live(opened.stores(), "life");
    fail_at = 0;
    return Lies(*ledger, life.found(opened.stores(), "life"));
  };
  Ledger healthy;
  CHECK(lies(0, &healthy) == "");
  for (const auto& [what, told] : healthy) CHECK((told == Told::kWritten || what == "node 3"));
  allocations = 0;
  {
    const OpenedStores opened("");
    allocations = 0;
    life.live(opened.stores(), "life");
  }
  const int64_t total = allocations;
  REQUIRE(total > 40);
  for (const int64_t nth : Moments(total)) {
    INFO(life.area << ": allocation " << nth << " of " << total);
    Ledger ledger;
    const std::string found = lies(nth, &ledger);
    std::cout << life.area << ": allocation " << nth << " of " << total << ": "
              << (allocations >= nth ? "fired" : "did not come") << "; " << Summary(ledger) << "\n";
    CHECK(found == "");
  }
}

}  // namespace
}  // namespace signalbox::testing
