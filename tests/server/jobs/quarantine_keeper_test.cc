#include "server/jobs/quarantine_keeper.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "storage/limits.h"
#include "tests/storage/conformance/store_fixtures.h"

namespace signalbox {
namespace {

NodeQuarantines Node(const std::string& id, std::vector<Quarantine> quarantines) {
  return {id, "envoy 1.40.0", "default", std::move(quarantines)};
}

Quarantine Refused(const std::string& name) {
  return {.type = "cluster", .name = name, .version = "v1", .error = "bad"};
}

class Book : public QuarantineBook {
 public:
  bool WaitForChange(absl::Duration longest) override {
    MutexLock lock(&mu_);
    if (changed_.empty() && !woken_) cv_.WaitFor(&mu_, absl::ToChronoNanoseconds(longest));
    woken_ = false;
    return !changed_.empty();
  }
  void Wake() override {
    MutexLock lock(&mu_);
    woken_ = true;
    cv_.SignalAll();
  }
  std::vector<NodeQuarantines> TakeChanged(size_t count) override {
    MutexLock lock(&mu_);
    std::vector<NodeQuarantines> taken;
    while (!changed_.empty() && taken.size() < count) {
      taken.push_back(std::move(changed_.back()));
      changed_.pop_back();
    }
    return taken;
  }
  void PutBack(const std::vector<NodeQuarantines>& taken) override {
    MutexLock lock(&mu_);
    changed_.insert(changed_.end(), taken.begin(), taken.end());
  }
  void Learn(const QuarantinePage::Node& node) override {
    MutexLock lock(&mu_);
    learned_[node.is.node] = node.is;
    cv_.SignalAll();
  }

  void Change(NodeQuarantines node) {
    MutexLock lock(&mu_);
    changed_.push_back(std::move(node));
    cv_.SignalAll();
  }
  std::map<std::string, NodeQuarantines> Learned() {
    MutexLock lock(&mu_);
    return learned_;
  }
  // Waits until the node was learned.
  NodeQuarantines WaitForLearned(const std::string& node) {
    MutexLock lock(&mu_);
    while (!learned_.contains(node)) cv_.Wait(&mu_);
    return learned_[node];
  }

 private:
  Mutex mu_;
  CondVar cv_;
  bool woken_ SB_GUARDED_BY(mu_) = false;
  std::vector<NodeQuarantines> changed_ SB_GUARDED_BY(mu_);
  std::map<std::string, NodeQuarantines> learned_ SB_GUARDED_BY(mu_);
};

// The ends of writing and learning, as they are reported.
class Reports {
 public:
  QuarantineKeeper::Report Report() {
    return [this](const absl::Status& status) {
      MutexLock lock(&mu_);
      last_ = status;
      cv_.SignalAll();
    };
  }
  void WaitFor(bool ok) {
    MutexLock lock(&mu_);
    while (!last_.has_value() || last_->ok() != ok) cv_.Wait(&mu_);
  }

 private:
  Mutex mu_;
  CondVar cv_;
  std::optional<absl::Status> last_ SB_GUARDED_BY(mu_);
};

bool Always(const Head&) { return true; }

std::vector<NodeQuarantines> Stored(ResourceStore& store) {
  std::vector<NodeQuarantines> stored;
  int64_t after = 0;
  for (bool complete = false; !complete;) {
    const absl::StatusOr<QuarantinePage> page = store.QuarantinesSince(after);
    REQUIRE(page.ok());
    for (const QuarantinePage::Node& node : page->nodes) stored.push_back(node.is);
    after = page->as_of;
    complete = page->complete;
  }
  return stored;
}

TEST_CASE("what the store has is learned at the start, however much", "[quarantine_keeper]") {
  testing::SqliteMemoryFixture fixture;
  const std::unique_ptr<ResourceStore> store = fixture.Open();
  std::vector<NodeQuarantines> nodes;
  for (size_t i = 0; i < limits::kMaxQuarantineBatch; ++i)
    nodes.push_back(Node(absl::StrCat("n", i), {Refused("a")}));
  REQUIRE(store->WriteQuarantines(nodes).ok());
  REQUIRE(store->WriteQuarantines({{Node("last", {Refused("b")})}}).ok());
  Book book;
  Reports reports;
  QuarantineKeeper keeper(store.get(), &book, Always, reports.Report());
  REQUIRE(keeper.Start().ok());
  CHECK(book.Learned().size() == limits::kMaxQuarantineBatch + 1);
  CHECK(book.Learned()["last"] == Node("last", {Refused("b")}));
}

TEST_CASE("changes are written, also at the very end, and one's own are no news",
          "[quarantine_keeper]") {
  testing::SqliteMemoryFixture fixture;
  const std::unique_ptr<ResourceStore> store = fixture.Open();
  Book book;
  Reports reports;
  Head before = *store->ReadHead();
  {
    QuarantineKeeper keeper(store.get(), &book, Always, reports.Report());
    REQUIRE(keeper.Start().ok());
    book.Change(Node("n1", {Refused("a")}));
    while (before.control_seq == 0) before = *store->WaitForChange(before, absl::InfiniteFuture());
    CHECK(Stored(*store) == std::vector{Node("n1", {Refused("a")})});
    // What another instance writes is learned; by then this one's own would have been.
    REQUIRE(store->WriteQuarantines({{Node("n2", {Refused("b")})}}).ok());
    CHECK(book.WaitForLearned("n2") == Node("n2", {Refused("b")}));
    CHECK(book.Learned().size() == 1);
    book.Change(Node("n3", {Refused("c")}));
  }
  CHECK(Stored(*store).back() == Node("n3", {Refused("c")}));
}

TEST_CASE("what cannot be written is written later", "[quarantine_keeper]") {
  testing::SqliteMemoryFixture fixture;
  const std::unique_ptr<ResourceStore> store = fixture.Open();
  Book book;
  Reports reports;
  QuarantineKeeper keeper(store.get(), &book, Always, reports.Report());
  REQUIRE(keeper.Start().ok());
  fixture.Execute("ALTER TABLE quarantine RENAME TO elsewhere");
  book.Change(Node("n1", {Refused("a")}));
  reports.WaitFor(false);
  fixture.Execute("ALTER TABLE elsewhere RENAME TO quarantine");
  reports.WaitFor(true);
  CHECK(Stored(*store) == std::vector{Node("n1", {Refused("a")})});
}

TEST_CASE("a database that is not served is neither written nor read", "[quarantine_keeper]") {
  testing::SqliteMemoryFixture fixture;
  const std::unique_ptr<ResourceStore> store = fixture.Open();
  Book book;
  Reports reports;
  std::atomic<bool> served = true;
  QuarantineKeeper keeper(
      store.get(), &book, [&](const Head&) { return served.load(); }, reports.Report());
  REQUIRE(keeper.Start().ok());
  served = false;
  const std::vector<NodeQuarantines> others = {Node("n2", {Refused("b")})};
  REQUIRE(store->WriteQuarantines(others).ok());
  book.Change(Node("n1", {Refused("a")}));
  reports.WaitFor(false);
  CHECK(Stored(*store) == others);
  CHECK(book.Learned().empty());
  served = true;
  reports.WaitFor(true);
  CHECK(Stored(*store).size() == 2);
  CHECK(book.Learned().contains("n2"));
}

TEST_CASE("a node that no store takes does not hold up the others", "[quarantine_keeper]") {
  testing::SqliteMemoryFixture fixture;
  const std::unique_ptr<ResourceStore> store = fixture.Open();
  Book book;
  Reports reports;
  Quarantine odd = Refused("a");
  odd.error = std::string("NUL\0 in it", 10) + std::string(limits::kMaxMessageBytes, 'x');
  book.Change(Node(std::string(limits::kMaxNameBytes + 1, 'n'), {Refused("a")}));
  book.Change(Node("n1", {odd}));
  {
    QuarantineKeeper keeper(store.get(), &book, Always, reports.Report());
    REQUIRE(keeper.Start().ok());
  }
  const std::vector<NodeQuarantines> stored = Stored(*store);
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].node == "n1");
  CHECK(stored[0].quarantines.at(0).error == "NUL");
}

}  // namespace
}  // namespace signalbox
