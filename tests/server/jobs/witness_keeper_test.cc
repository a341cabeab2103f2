#include "server/jobs/witness_keeper.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_replace.h"
#include "base/files.h"
#include "base/random.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "storage/witness_file.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

const Head kHead = {.store_id = "s1", .epoch = 0xabcdef0123456789, .revision = {42}};

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

TEST_CASE("what the file was told it remembers") {
  const testing::TempDir directory;
  const std::string path = directory.Join("last-good.json");
  Head head = kHead;
  head.digest.bytes[31] = 0xfe;
  REQUIRE(WriteWitnessFile(path, head).ok());
  const auto witness = ReadWitnessFile(path);
  REQUIRE(witness.ok());
  CHECK(witness->name == path);
  CHECK(witness->store_id == head.store_id);
  CHECK(witness->epoch == head.epoch);
  CHECK(witness->revision == head.revision);
  CHECK(witness->digest == head.digest);
}

TEST_CASE("no file remembers nothing") {
  const testing::TempDir directory;
  const auto witness = ReadWitnessFile(directory.Join("none"));
  REQUIRE(witness.ok());
  CHECK(witness->epoch == 0);
}

TEST_CASE("a damaged file is named") {
  const testing::TempDir directory;
  const std::string path = directory.Join("last-good.json");
  REQUIRE(WriteWitnessFile(path, kHead).ok());
  const std::string good = *ReadFile(path, 4096);
  std::string broken = good;
  SECTION("empty") { broken = ""; }
  SECTION("cut") { broken.resize(broken.size() / 2); }
  SECTION("no epoch") { broken = absl::StrReplaceAll(good, {{"abcdef", "ghijkl"}}); }
  SECTION("no revision") { broken = absl::StrReplaceAll(good, {{"42", "\"x\""}}); }
  SECTION("half a digest") { broken = absl::StrReplaceAll(good, {{"0000000000000000", ""}}); }
  SECTION("something else") { broken = "[]"; }
  SECTION("too large") { broken = std::string(5000, ' '); }
  WriteFile(path, broken);
  const auto witness = ReadWitnessFile(path);
  CHECK(witness.status().code() == absl::StatusCode::kDataLoss);
  CHECK(std::string(witness.status().message()).find(path) != std::string::npos);
}

// A store in memory, and what a keeper of it reports.
class Setting {
 public:
  Setting() : path(directory_.Join("last-good.json")) {
    store = SqliteResourceStore::Create(
                {.directory = "", .applied_by = "test", .clock = &clock, .random = &random_})
                .value();
  }
  void Report(const absl::Status& status) {
    MutexLock lock(&mu_);
    reports_.push_back(status.code());
    changed_.SignalAll();
  }
  bool WaitForReports(size_t count) {
    MutexLock lock(&mu_);
    while (reports_.size() < count) {
      if (!changed_.WaitFor(&mu_, std::chrono::seconds(20))) return false;
    }
    return true;
  }
  // Waits until the file remembers that revision.
  bool WaitForRevision(int64_t revision) {
    const absl::Time until = clock.Monotonic() + absl::Seconds(20);
    while (clock.Monotonic() < until) {
      const auto witness = ReadWitnessFile(path);
      if (witness.ok() && witness->revision == Revision{revision}) return true;
      std::this_thread::yield();
    }
    return false;
  }

 private:
  testing::TempDir directory_;
  SystemRandom random_;
  Mutex mu_;
  CondVar changed_;
  std::vector<absl::StatusCode> reports_ SB_GUARDED_BY(mu_);

 public:
  const std::string path;
  SystemClock clock;
  std::unique_ptr<SqliteResourceStore> store;
};

TEST_CASE("the file follows the store") {
  Setting setting;
  testing::MustCommit(*setting.store, testing::Changes({testing::Cluster("a")}));
  WitnessKeeper keeper(
      setting.store.get(), setting.path, &setting.clock, [](const Head&) { return true; },
      [](const absl::Status&) {});
  CHECK(setting.WaitForRevision(1));
  testing::MustCommit(*setting.store, testing::Changes({testing::Cluster("b")}));
  CHECK(setting.WaitForRevision(2));
  CHECK(CheckWitness(setting.store.get(), *ReadWitnessFile(setting.path)).ok());
  setting.store->Close();
}

TEST_CASE("a head that is not served is not remembered") {
  Setting setting;
  testing::MustCommit(*setting.store, testing::Changes({testing::Cluster("a")}));
  std::atomic<int64_t> asked = 0;
  WitnessKeeper keeper(
      setting.store.get(), setting.path, &setting.clock,
      [&](const Head& head) {
        asked = head.revision.number;
        return head.revision == Revision{1};
      },
      [](const absl::Status&) {});
  CHECK(setting.WaitForRevision(1));
  testing::MustCommit(*setting.store, testing::Changes({testing::Cluster("b")}));
  while (asked < 2) std::this_thread::yield();
  setting.store->Close();
  CHECK(ReadWitnessFile(setting.path)->revision == Revision{1});
}

TEST_CASE("a file that cannot be written is told once") {
  Setting setting;
  WitnessKeeper keeper(
      setting.store.get(), setting.path + "/not/a/directory", &setting.clock,
      [](const Head&) { return true; },
      [&](const absl::Status& status) { setting.Report(status); });
  CHECK(setting.WaitForReports(1));
  setting.store->Close();
}

}  // namespace
}  // namespace signalbox
