#include "server/jobs/audit_follower.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "storage/sqlite/sqlite_audit_log.h"
#include "storage/sqlite/sqlite_directory.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/fake_clock.h"

namespace signalbox {
namespace {

using testing::Changes;
using testing::Cluster;
using testing::MustCommit;

// An audit log that can be away.
class MoodyAuditLog : public AuditLog {
 public:
  explicit MoodyAuditLog(AuditLog* log) : log_(log) {}

  std::atomic<bool> away{false};

  absl::Status Append(const AuditEvent& event) override { return log_->Append(event); }
  absl::Status AppendFromOutbox(const AuditCursor& after, const AuditCursor& upto,
                                absl::Span<const OutboxRow> rows) override {
    if (away) return absl::UnavailableError("disk gone");
    return log_->AppendFromOutbox(after, upto, rows);
  }
  absl::StatusOr<AuditHead> ReadHead() override { return log_->ReadHead(); }
  absl::StatusOr<AuditPage> List(const AuditFilter& filter,
                                 const std::optional<AuditPosition>& below,
                                 int page_size) override {
    return log_->List(filter, below, page_size);
  }
  absl::StatusOr<std::vector<AuditRecord>> ListAfter(int64_t after, int page_size) override {
    return log_->ListAfter(after, page_size);
  }
  absl::StatusOr<AuditHead> VerifyChain() override { return log_->VerifyChain(); }
  absl::StatusOr<int> Prune(const AuditRetention& retention) override {
    return log_->Prune(retention);
  }
  absl::StatusOr<int64_t> SizeBytes() override { return log_->SizeBytes(); }

 private:
  AuditLog* const log_;
};

// A store and its audit log in memory.
class Setting {
 public:
  Setting() {
    auto directory = SqliteDirectory::Open({.applied_by = "test", .clock = &clock}).value();
    store = SqliteResourceStore::Create(directory, &clock, &random_).value();
    audit = SqliteAuditLog::Create(directory->database(StoreArea::kAudit), &clock).value();
    moody.emplace(audit.get());
  }

  std::unique_ptr<AuditFollower> Follower(const AuditFollower::Bounds& bounds = {}) {
    return std::make_unique<AuditFollower>(
        store.get(), &*moody, &clock,
        [this](const absl::Status& status) {
          MutexLock lock(&mu_);
          reports_.push_back(status.ok() ? "ok" : std::string(status.message()));
          changed_.SignalAll();
        },
        bounds);
  }
  // What the log holds: the revisions that its events name.
  std::vector<int64_t> Revisions() {
    std::vector<int64_t> revisions;
    const auto records = audit->ListAfter(0, 1000);
    REQUIRE(records.ok());
    for (const AuditRecord& record : *records) {
      revisions.push_back(record.event.revision.number);
    }
    return revisions;
  }
  void Commit(int count) {
    for (int i = 0; i < count; ++i) MustCommit(*store, Changes({Cluster(absl::StrCat(next_++))}));
  }
  // Waits until that many reports have come; false when they do not within a generous time.
  bool WaitForReports(size_t count) {
    MutexLock lock(&mu_);
    while (reports_.size() < count) {
      if (!changed_.WaitFor(&mu_, std::chrono::seconds(20))) return false;
    }
    return true;
  }
  std::vector<std::string> reports() {
    MutexLock lock(&mu_);
    return reports_;
  }

  testing::FakeClock clock;
  std::unique_ptr<SqliteResourceStore> store;
  std::unique_ptr<SqliteAuditLog> audit;
  std::optional<MoodyAuditLog> moody;

 private:
  SystemRandom random_;
  int next_ = 0;
  Mutex mu_;
  CondVar changed_;
  std::vector<std::string> reports_ SB_GUARDED_BY(mu_);
};

using Numbers = std::vector<int64_t>;

TEST_CASE("every change has one event in the audit log, in order") {
  Setting setting;
  const auto follower = setting.Follower();
  setting.Commit(3);
  REQUIRE(follower->MoveAll().ok());
  REQUIRE(follower->MoveAll().ok());
  setting.Commit(2);
  REQUIRE(follower->MoveAll().ok());
  CHECK(setting.Revisions() == Numbers{1, 2, 3, 4, 5});
  CHECK(setting.audit->VerifyChain().ok());
}

TEST_CASE("more than one read of rows is moved") {
  Setting setting;
  const auto follower = setting.Follower();
  for (int i = 0; i < 2100; ++i) {
    REQUIRE(
        setting.store->AppendControl({.kind = "token"}, {.principal = "alice", .action = "revoke"})
            .ok());
  }
  REQUIRE(follower->MoveAll().ok());
  CHECK(setting.audit->ReadHead()->newest == 2100);
}

TEST_CASE("several followers move each event once") {
  Setting setting;
  const auto one = setting.Follower();
  const auto two = setting.Follower();
  setting.Commit(2);
  REQUIRE(one->MoveAll().ok());
  REQUIRE(two->MoveAll().ok());
  setting.Commit(2);
  REQUIRE(two->MoveAll().ok());
  setting.Commit(1);
  REQUIRE(one->MoveAll().ok());  // its cursor is not the log's any more
  CHECK(setting.Revisions() == Numbers{1, 2, 3, 4, 5});
}

TEST_CASE("a follower goes on across an epoch") {
  Setting setting;
  const auto follower = setting.Follower();
  setting.Commit(1);
  REQUIRE(follower->MoveAll().ok());
  REQUIRE(setting.store->StartEpoch({.principal = "alice", .action = "adopt"}).ok());
  setting.Commit(1);
  REQUIRE(follower->MoveAll().ok());
  std::vector<std::string> actions;
  const auto records = setting.audit->ListAfter(0, 10);
  REQUIRE(records.ok());
  for (const AuditRecord& record : *records) {
    actions.push_back(record.event.action);
  }
  CHECK(actions == std::vector<std::string>{"apply", "store restored", "adopt", "apply"});
}

TEST_CASE("what was moved leaves the outbox a day later") {
  Setting setting;
  const auto follower = setting.Follower();
  setting.Commit(1);
  REQUIRE(follower->MoveAll().ok());
  CHECK(setting.store->ReadOutbox({}, 10)->size() == 1);
  setting.clock.Advance(limits::kOutboxKept + absl::Seconds(1));
  REQUIRE(follower->MoveAll().ok());
  CHECK(setting.store->ReadOutbox({}, 10)->empty());
}

TEST_CASE("the thread follows changes by itself") {
  Setting setting;
  setting.moody->away = true;
  const auto follower = setting.Follower();
  follower->Start();
  setting.Commit(2);
  REQUIRE(setting.WaitForReports(1));
  CHECK(setting.reports() == std::vector<std::string>{"disk gone"});
  setting.moody->away = false;
  REQUIRE(setting.WaitForReports(2));
  CHECK(setting.reports().back() == "ok");
  CHECK(setting.Revisions() == Numbers{1, 2});
  setting.store->Close();
}

TEST_CASE("changes are refused when the log is too far behind, and go on when it is not") {
  Setting setting;
  setting.moody->away = true;
  const auto follower = setting.Follower({.events = 3});
  setting.Commit(3);
  follower->Start();
  REQUIRE(setting.WaitForReports(1));
  CHECK(follower->Admit().ok());
  setting.Commit(1);
  while (follower->Admit().ok()) std::this_thread::yield();
  CHECK(follower->Admit().code() == absl::StatusCode::kResourceExhausted);
  CHECK(absl::StrContains(follower->Admit().message(), "disk gone"));
  setting.moody->away = false;
  while (!follower->Admit().ok()) std::this_thread::yield();
  CHECK(setting.Revisions().size() == 4);
  setting.store->Close();
}

TEST_CASE("changes are refused when the oldest event waits for too long") {
  Setting setting;
  setting.moody->away = true;
  const auto follower = setting.Follower();
  setting.Commit(1);
  follower->Start();
  REQUIRE(setting.WaitForReports(1));
  CHECK(follower->Admit().ok());
  setting.clock.Advance(limits::kMaxAuditDelay + absl::Seconds(1));
  while (follower->Admit().ok()) std::this_thread::yield();
  CHECK(absl::StrContains(follower->Admit().message(), "24h"));
  setting.store->Close();
}

}  // namespace
}  // namespace signalbox
