// A disk that fails operation 1, 2, 3, ... until a whole life of the store passes: each failure
// leaves what the next start accepts, with everything that was acknowledged.
#include <catch2/catch.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"
#include "storage/resource_store.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/storage/faults/moments.h"
#include "tests/storage/sqlite/fault_vfs.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

using testing::Changes;
using testing::Cluster;
using testing::CommitOnHead;
using testing::FaultVfs;
using testing::Moments;
using testing::MustCommit;

class Disk {
 public:
  absl::StatusOr<std::unique_ptr<SqliteResourceStore>> Open() {
    return SqliteResourceStore::Create({.directory = directory_.Join("data"),
                                        .applied_by = "test",
                                        .clock = &clock_,
                                        .random = &random_});
  }
  FaultVfs vfs;

 private:
  testing::TempDir directory_;
  testing::FakeClock clock_;
  SystemRandom random_;
};

ChangeSet Numbered(int i) {
  ChangeSet changes = Changes({Cluster("c" + std::to_string(i), std::string(3000, 'x'))});
  changes.request_id = "r" + std::to_string(i);
  return changes;
}

// What became of the changes of a store's life.
struct Outcome {
  std::map<int, Revision> acknowledged;
  std::vector<int> unknown;
};

// Opens the store and changes it twice, as far as the disk lets it.
Outcome Live(Disk* disk) {
  Outcome outcome;
  const auto store = disk->Open();
  if (!store.ok()) return outcome;
  for (int i = 0; i < 2; ++i) {
    const auto committed = CommitOnHead(**store, Numbered(i));
    if (committed.ok()) {
      outcome.acknowledged[i] = committed->revision;
    } else {
      const absl::StatusCode code = committed.status().code();
      REQUIRE(
          (code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kResourceExhausted));
      if (code == absl::StatusCode::kUnavailable) outcome.unknown.push_back(i);
    }
  }
  // Reads go on, whatever the writer met.
  CHECK((*store)->LoadHead().ok());
  return outcome;
}

// The disk is well again: everything that was acknowledged is there, and nothing that nobody sent.
void CheckNextLife(Disk* disk, const Outcome& before) {
  const auto store = disk->Open();
  REQUIRE(store.ok());
  const Revision head = testing::MustReadHead(**store);
  CHECK(head.number >= static_cast<int64_t>(before.acknowledged.size()));
  CHECK(head.number <= static_cast<int64_t>(before.acknowledged.size() + before.unknown.size()));
  CHECK((*store)->ChangesSince(Revision{0})->size() == static_cast<size_t>(head.number));
  CHECK((*store)->LoadHead()->resources.size() == static_cast<size_t>(head.number));
  for (int i = 0; i < 2; ++i) {
    const auto again = CommitOnHead(**store, Numbered(i));
    REQUIRE(again.ok());
    if (before.acknowledged.count(i) == 0) continue;
    CHECK(again->outcome == Committed::Outcome::kRepeated);
    CHECK(again->revision == before.acknowledged.at(i));
  }
  CHECK(testing::MustReadHead(**store) == Revision{2});
}

constexpr int64_t kNever = int64_t{1} << 60;

TEST_CASE("whichever operation fails, what was acknowledged is there at the next start") {
  const FaultVfs::Fault fault =
      GENERATE(FaultVfs::Fault::kError, FaultVfs::Fault::kFull, FaultVfs::Fault::kShort);
  const int64_t how_many = GENERATE(1, 1000000);  // once, or from then on
  Disk healthy;
  healthy.vfs.FailAt(kNever, fault);
  CHECK(Live(&healthy).acknowledged.size() == 2);
  const int64_t total = healthy.vfs.Counted();
  REQUIRE(total > 40);
  int fired = 0;
  for (const int64_t nth : Moments(total)) {
    INFO("operation " << nth << " of " << total << ", seed " << Catch::rngSeed());
    Disk disk;
    disk.vfs.FailAt(nth, fault, how_many);
    const Outcome outcome = Live(&disk);
    std::cout << "operation " << nth << " of " << total << ": "
              << (disk.vfs.Fired() ? "fired" : "did not come") << "; "
              << outcome.acknowledged.size() << " acknowledged, " << outcome.unknown.size()
              << " unknown\n";
    if (disk.vfs.Fired()) {
      ++fired;
    } else {
      CHECK(outcome.acknowledged.size() == 2);
    }
    disk.vfs.Heal();
    CheckNextLife(&disk, outcome);
  }
  // The last operations are those of a thread and may not come.
  CHECK(fired >= 40);
}

TEST_CASE(
    "after a failed flush the store writes again once the disk is well, on a log that was flushed "
    "first") {
  Disk disk;
  auto store = disk.Open();
  REQUIRE(store.ok());
  MustCommit(**store, Numbered(0));
  disk.vfs.FailAt(1, FaultVfs::Fault::kError, 1000000);
  CHECK(CommitOnHead(**store, Numbered(1)).status().code() == absl::StatusCode::kUnavailable);
  CHECK(CommitOnHead(**store, Numbered(2)).status().code() == absl::StatusCode::kUnavailable);
  CHECK((*store)->LoadHead()->resources.size() == 1);
  disk.vfs.Heal();
  REQUIRE(CommitOnHead(**store, Numbered(1)).ok());
  REQUIRE(CommitOnHead(**store, Numbered(2)).ok());
  CHECK(testing::MustReadHead(**store) == Revision{3});
  CHECK((*store)->WaitForChange(Head{}, absl::InfinitePast())->revision == Revision{3});
  store->reset();
  store = disk.Open();
  REQUIRE(store.ok());
  CHECK(testing::MustReadHead(**store) == Revision{3});
}

TEST_CASE("on a full disk a change is refused, reads go on, and with room again changes do too") {
  Disk disk;
  auto store = disk.Open();
  REQUIRE(store.ok());
  MustCommit(**store, Numbered(0));
  disk.vfs.FailAt(1, FaultVfs::Fault::kFull, 1000000);
  CHECK(CommitOnHead(**store, Numbered(1)).status().code() == absl::StatusCode::kResourceExhausted);
  CHECK((*store)->LoadHead()->resources.size() == 1);
  disk.vfs.Heal();
  const auto committed = CommitOnHead(**store, Numbered(1));
  REQUIRE(committed.ok());
  CHECK(committed->outcome == Committed::Outcome::kNewRevision);
  CHECK(committed->revision == Revision{2});
}

}  // namespace
}  // namespace signalbox
