#include "server/publish/publisher.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "server/snapshot/snapshot_builder.h"
#include "server/snapshot/snapshot_cache.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox {
namespace {

using testing::CommitOnHead;
using testing::XdsBodies;

const NodeGroupName kGroup{"default", "default"};

// A store whose reads fail or are withheld as the test says.
class MoodyStore : public ResourceStore {
 public:
  explicit MoodyStore(ResourceStore* store) : store_(store) {}

  std::atomic<int> failing_reads{0};        // how many of the next reads fail
  std::atomic<bool> forget_history{false};  // ChangesSince says kOutOfRange
  std::atomic<int> loads{0};

  absl::StatusOr<Committed> Commit(const ChangeSet& changes, Revision judged_on, const Judge& judge,
                                   const Preconditions& preconditions) override {
    return store_->Commit(changes, judged_on, judge, preconditions);
  }
  absl::StatusOr<Head> ReadHead() override { return store_->ReadHead(); }
  absl::StatusOr<HeadState> LoadHead() override {
    if (Fails()) return absl::UnavailableError("no database");
    ++loads;
    return store_->LoadHead();
  }
  absl::StatusOr<std::vector<RevisionChanges>> ChangesSince(Revision after) override {
    if (Fails()) return absl::UnavailableError("no database");
    if (forget_history) return absl::OutOfRangeError("not kept");
    return store_->ChangesSince(after);
  }
  absl::StatusOr<Head> WaitForChange(const Head& after, absl::Time deadline) override {
    return store_->WaitForChange(after, deadline);
  }
  absl::StatusOr<Resource> Get(const ResourceKey& key) override { return store_->Get(key); }
  absl::StatusOr<ResourcePage> List(const ResourceFilter& filter,
                                    const std::optional<ResourceKey>& after,
                                    int page_size) override {
    return store_->List(filter, after, page_size);
  }
  absl::StatusOr<ResourceHistoryPage> History(const ResourceKey& key, std::optional<Revision> below,
                                              int page_size) override {
    return store_->History(key, below, page_size);
  }
  absl::StatusOr<HeadState> LoadAt(Revision revision) override { return store_->LoadAt(revision); }
  absl::StatusOr<std::optional<Revision>> FindRequest(absl::string_view author,
                                                      absl::string_view request_id) override {
    return store_->FindRequest(author, request_id);
  }
  absl::StatusOr<KeyRotation> RotateKey(NewKey new_key, const AuditEvent& event) override {
    return store_->RotateKey(new_key, event);
  }
  absl::StatusOr<Head> AppendControl(const ControlEntry& entry, const AuditEvent& event) override {
    return store_->AppendControl(entry, event);
  }
  absl::StatusOr<std::vector<ControlEntry>> ControlSince(int64_t after) override {
    return store_->ControlSince(after);
  }
  absl::StatusOr<std::vector<OutboxRow>> ReadOutbox(const AuditCursor& cursor, int count) override {
    return store_->ReadOutbox(cursor, count);
  }
  absl::StatusOr<int> TrimOutbox(const AuditCursor& cursor, absl::Time before) override {
    return store_->TrimOutbox(cursor, before);
  }
  absl::StatusOr<Head> StartEpoch(const AuditEvent& event) override {
    return store_->StartEpoch(event);
  }
  absl::StatusOr<RevisionInfo> GetRevision(Revision revision) override {
    return store_->GetRevision(revision);
  }
  absl::StatusOr<RevisionPage> ListRevisions(std::optional<Revision> below,
                                             int page_size) override {
    return store_->ListRevisions(below, page_size);
  }
  StoreInfo Info() const override { return store_->Info(); }
  absl::StatusOr<int64_t> SizeBytes() override { return store_->SizeBytes(); }
  void Close() override { store_->Close(); }

 private:
  bool Fails() {
    int left = failing_reads;
    while (left > 0 && !failing_reads.compare_exchange_weak(left, left - 1)) {
    }
    return left > 0;
  }

  ResourceStore* const store_;
};

// Keeps what is published and lets the test wait for it.
class Observer : public PublishObserver {
 public:
  void OnPublished(const Snapshot& snapshot, absl::Duration) override {
    MutexLock lock(&mu_);
    published_.push_back(snapshot.revision.number);
    changed_.SignalAll();
  }
  void OnPublishStatus(const absl::Status& status) override {
    MutexLock lock(&mu_);
    statuses_.push_back(status);
    changed_.SignalAll();
  }

  // False when it does not come within a generous time.
  bool WaitForRevision(int64_t revision) {
    MutexLock lock(&mu_);
    while (published_.empty() || published_.back() < revision) {
      if (!changed_.WaitFor(&mu_, std::chrono::seconds(20))) return false;
    }
    return true;
  }
  std::vector<int64_t> published() {
    MutexLock lock(&mu_);
    return published_;
  }
  std::vector<absl::Status> statuses() {
    MutexLock lock(&mu_);
    return statuses_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<int64_t> published_ SB_GUARDED_BY(mu_);
  std::vector<absl::Status> statuses_ SB_GUARDED_BY(mu_);
};

struct Setting {
  Setting() {
    auto opened = SqliteResourceStore::Create(
        {.directory = "", .applied_by = "test", .clock = &clock, .random = &random});
    REQUIRE(opened.ok());
    store = *std::move(opened);
    moody.emplace(store.get());
    builder.emplace(&bodies.registry(), &bodies.references());
    publisher.emplace(kGroup, &*moody, &*builder, &cache, &observer, &clock);
  }
  ~Setting() { store->Close(); }

  void Commit(const std::string& cluster, const std::string& tag) {
    const Upsert upsert{{"default", "cluster", cluster},
                        {.body = bodies.Body({"cluster", cluster, tag, {}})}};
    REQUIRE(CommitOnHead(*store, testing::Changes({upsert})).ok());
  }
  // The clusters that are served, in order.
  std::vector<std::string> Served() {
    std::vector<std::string> names;
    const SnapshotPtr snapshot = cache.Current(kGroup);
    if (snapshot == nullptr) return names;
    snapshot->types[bodies.registry().FindByShortName("cluster")->index()]->ForEach(
        [&](const FragmentPtr& fragment) { names.push_back(fragment->name()); });
    return names;
  }

  SystemClock clock;
  SystemRandom random;
  XdsBodies bodies;
  std::unique_ptr<SqliteResourceStore> store;
  std::optional<MoodyStore> moody;
  std::optional<SnapshotBuilder> builder;
  SnapshotCache cache;
  Observer observer;
  std::optional<Publisher> publisher;
};

TEST_CASE("an empty store is a complete snapshot") {
  Setting setting;
  REQUIRE(setting.publisher->Start().ok());
  CHECK(setting.observer.published() == std::vector<int64_t>{0});
  CHECK(setting.cache.Current(kGroup) != nullptr);
}

TEST_CASE("what is there at the start is served when Start returns") {
  Setting setting;
  setting.Commit("a", "1");
  REQUIRE(setting.publisher->Start().ok());
  CHECK(setting.Served() == std::vector<std::string>{"a"});
}

TEST_CASE("a commit is served, and only what changed is read") {
  Setting setting;
  REQUIRE(setting.publisher->Start().ok());
  setting.Commit("a", "1");
  REQUIRE(setting.observer.WaitForRevision(1));
  setting.Commit("b", "1");
  REQUIRE(setting.observer.WaitForRevision(2));
  CHECK(setting.Served() == std::vector<std::string>{"a", "b"});
  CHECK(setting.moody->loads == 1);
}

TEST_CASE("a store that cannot be read at the start publishes nothing") {
  Setting setting;
  setting.moody->failing_reads = 1;
  CHECK(setting.publisher->Start().code() == absl::StatusCode::kUnavailable);
  CHECK(setting.cache.Current(kGroup) == nullptr);
}

TEST_CASE("while reads fail the last good snapshot stays, and it catches up afterwards") {
  Setting setting;
  setting.Commit("a", "1");
  REQUIRE(setting.publisher->Start().ok());
  setting.moody->failing_reads = 2;
  setting.Commit("b", "1");
  REQUIRE(setting.observer.WaitForRevision(2));
  CHECK(setting.Served() == std::vector<std::string>{"a", "b"});
  // Told once that it fails, and once that it works again.
  while (setting.observer.statuses().size() < 2) std::this_thread::yield();
  const std::vector<absl::Status> statuses = setting.observer.statuses();
  CHECK(statuses[0].code() == absl::StatusCode::kUnavailable);
  CHECK(statuses[1].ok());
}

TEST_CASE("a history that is not kept is loaded anew") {
  Setting setting;
  REQUIRE(setting.publisher->Start().ok());
  setting.moody->forget_history = true;
  setting.Commit("a", "1");
  REQUIRE(setting.observer.WaitForRevision(1));
  CHECK(setting.Served() == std::vector<std::string>{"a"});
  CHECK(setting.moody->loads == 2);
}

TEST_CASE("content that cannot be built is not published, and the last good snapshot stays") {
  Setting setting;
  setting.Commit("a", "1");
  REQUIRE(setting.publisher->Start().ok());
  const Upsert broken{{"default", "cluster", "b"}, {.body = "\xff no message"}};
  REQUIRE(CommitOnHead(*setting.store, testing::Changes({broken})).ok());
  while (setting.observer.statuses().empty()) std::this_thread::yield();
  CHECK(setting.Served() == std::vector<std::string>{"a"});
  CHECK(setting.cache.Current(kGroup)->revision.number == 1);
}

TEST_CASE("the loop's last tick is told") {
  Setting setting;
  REQUIRE(setting.publisher->Start().ok());
  const absl::Time started = setting.clock.Monotonic();
  while (setting.publisher->LastTick() < started) std::this_thread::yield();
  SUCCEED();
}

}  // namespace
}  // namespace signalbox
