// A disk that fails operation 1, 2, 3, ... under the stores of each area: nothing crashes, what was
// acknowledged is there at the next start, and what was told as not written is not.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "tests/storage/faults/area_lives.h"
#include "tests/storage/faults/moments.h"
#include "tests/storage/sqlite/fault_vfs.h"
#include "tests/storage/sqlite/opened_stores.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

using testing::AreaLife;
using testing::AreaLives;
using testing::FaultVfs;
using testing::Ledger;
using testing::OpenedStores;
using Fault = FaultVfs::Fault;

constexpr int64_t kNever = int64_t{1} << 60;
constexpr int64_t kForGood = int64_t{1} << 40;

struct Kind {
  Fault fault;
  const char* name;
};
constexpr Kind kKinds[] = {{Fault::kError, "EIO"},
                           {Fault::kFull, "ENOSPC"},
                           {Fault::kShort, "a short write"},
                           {Fault::kFlush, "a failed flush"},
                           {Fault::kRead, "EIO of a read"}};
// Those that the short run has; the long one has all, and each once and from then on.
constexpr size_t kShortKinds = 4;

// Stores that were made once, to be copied for each life.
class Places {
 public:
  Places() { OpenedStores made(directory_.Join("made")); }

  std::string New() {
    const std::string place = directory_.Join("life" + std::to_string(++count_));
    std::filesystem::copy(directory_.Join("made"), place, std::filesystem::copy_options::recursive);
    return place;
  }
  static void Drop(const std::string& place) {
    std::error_code ignored;
    std::filesystem::remove_all(place, ignored);
  }

 private:
  testing::TempDir directory_;
  int count_ = 0;
};

TEST_CASE("whichever operation fails under an area's store, what it says of its writes is true") {
  const AreaLife& life = AreaLives()[GENERATE(range(size_t{0}, AreaLives().size()))];
  const bool all = std::getenv("SIGNALBOX_LONG") != nullptr;
  const Kind& kind = kKinds[GENERATE_COPY(range(size_t{0}, all ? std::size(kKinds) : kShortKinds))];
  const int64_t how_many = GENERATE_COPY(take(all ? 2 : 1, values({int64_t{1}, kForGood})));
  FaultVfs vfs;
  Places places;
  // A life is counted from where its stores are open to where they are closed.
  const auto live = [&](const std::string& place, int64_t nth) {
    OpenedStores opened(place);
    vfs.FailAt(nth, kind.fault, how_many);
    return life.live(opened.stores(), "life");
  };
  const std::string healthy = places.New();
  const Ledger whole = live(healthy, kNever);
  const int64_t total = vfs.Counted();
  CHECK(testing::Lies(whole, life.found(OpenedStores(healthy).stores(), "life")) == "");
  int fired = 0;
  const std::vector<int64_t> moments = testing::Moments(total);
  for (const int64_t nth : moments) {
    INFO(life.area << ": " << kind.name << " at operation " << nth << " of " << total << ", "
                   << (how_many == 1 ? "once" : "from then on"));
    const std::string place = places.New();
    const Ledger ledger = live(place, nth);
    vfs.Heal();
    fired += vfs.Fired() ? 1 : 0;
    std::cout << life.area << ": " << kind.name << " at " << nth << " of " << total
              << (how_many == 1 ? ", once: " : ", from then on: ")
              << (vfs.Fired() ? "fired" : "did not come") << "; " << testing::Summary(ledger)
              << "\n";
    CHECK(testing::Lies(ledger, life.found(OpenedStores(place).stores(), "life")) == "");
    Places::Drop(place);
  }
  // The last operations are those of a thread and may not come.
  CHECK(fired * 10 >= static_cast<int>(moments.size()) * 7);
}

}  // namespace
}  // namespace signalbox
