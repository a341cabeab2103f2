#include "server/publish/publisher.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "server/snapshot/snapshot_builder.h"
#include "server/snapshot/snapshot_cache.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "storage/witness.h"
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

  // From now on it is `store` that is there; a wait that is under way goes on where it is.
  void Become(ResourceStore* store) { store_ = store; }

  std::atomic<int> failing_reads{0};        // how many of the next reads fail
  std::atomic<bool> forget_history{false};  // ChangesSince says kOutOfRange
  std::atomic<int> loads{0};

  absl::StatusOr<Committed> Commit(const ChangeSet& changes, Revision judged_on, const Judge& judge,
                                   const Preconditions& preconditions) override {
    return store()->Commit(changes, judged_on, judge, preconditions);
  }
  absl::StatusOr<Head> ReadHead() override { return store()->ReadHead(); }
  absl::StatusOr<HeadState> LoadHead() override {
    if (Fails()) return absl::UnavailableError("no database");
    ++loads;
    return store()->LoadHead();
  }
  absl::StatusOr<std::vector<RevisionChanges>> ChangesSince(Revision after) override {
    if (Fails()) return absl::UnavailableError("no database");
    if (forget_history) return absl::OutOfRangeError("not kept");
    return store()->ChangesSince(after);
  }
  absl::StatusOr<Head> WaitForChange(const Head& after, absl::Time deadline) override {
    absl::StatusOr<Head> head = store()->WaitForChange(after, deadline);
    // Another store may be there by now, and no wait is over because of it.
    return head.ok() && !(*head != after) ? store()->WaitForChange(after, absl::InfinitePast())
                                          : head;
  }
  absl::StatusOr<Resource> Get(const ResourceKey& key) override { return store()->Get(key); }
  absl::StatusOr<ResourcePage> List(const ResourceFilter& filter,
                                    const std::optional<ResourceKey>& after,
                                    int page_size) override {
    return store()->List(filter, after, page_size);
  }
  absl::StatusOr<ResourceHistoryPage> History(const ResourceKey& key, std::optional<Revision> below,
                                              int page_size) override {
    return store()->History(key, below, page_size);
  }
  absl::StatusOr<HeadState> LoadAt(Revision revision) override { return store()->LoadAt(revision); }
  absl::StatusOr<std::optional<Revision>> FindRequest(absl::string_view author,
                                                      absl::string_view request_id) override {
    return store()->FindRequest(author, request_id);
  }
  absl::StatusOr<KeyRotation> RotateKey(NewKey new_key, const AuditEvent& event) override {
    return store()->RotateKey(new_key, event);
  }
  absl::StatusOr<Head> AppendControl(const ControlEntry& entry, const AuditEvent& event) override {
    return store()->AppendControl(entry, event);
  }
  absl::StatusOr<std::vector<ControlEntry>> ControlSince(int64_t after) override {
    return store()->ControlSince(after);
  }
  absl::StatusOr<Head> WriteQuarantines(absl::Span<const NodeQuarantines> nodes) override {
    return store()->WriteQuarantines(nodes);
  }
  absl::StatusOr<QuarantinePage> QuarantinesSince(int64_t after) override {
    return store()->QuarantinesSince(after);
  }
  absl::StatusOr<std::vector<OutboxRow>> ReadOutbox(const AuditCursor& cursor, int count) override {
    return store()->ReadOutbox(cursor, count);
  }
  absl::StatusOr<int> TrimOutbox(const AuditCursor& cursor, absl::Time before) override {
    return store()->TrimOutbox(cursor, before);
  }
  absl::StatusOr<Head> StartEpoch(const AuditEvent& event) override {
    return store()->StartEpoch(event);
  }
  absl::StatusOr<RevisionInfo> GetRevision(Revision revision) override {
    return store()->GetRevision(revision);
  }
  absl::StatusOr<RevisionPage> ListRevisions(std::optional<Revision> below,
                                             int page_size) override {
    return store()->ListRevisions(below, page_size);
  }
  StoreInfo Info() const override { return store()->Info(); }
  absl::StatusOr<int64_t> SizeBytes() override { return store()->SizeBytes(); }
  void Close() override { store()->Close(); }

 private:
  bool Fails() {
    int left = failing_reads;
    while (left > 0 && !failing_reads.compare_exchange_weak(left, left - 1)) {
    }
    return left > 0;
  }

  ResourceStore* store() { return store_; }
  const ResourceStore* store() const { return store_; }

  std::atomic<ResourceStore*> store_;
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

  void OnHistoryReplaced(const Head&, const Head&, Replaced how) override {
    MutexLock lock(&mu_);
    replaced_.push_back(how);
    changed_.SignalAll();
  }

  // The next status, after those that were waited for; a test that gets none fails.
  absl::Status WaitForStatus() {
    MutexLock lock(&mu_);
    while (statuses_.size() == seen_) {
      if (!changed_.WaitFor(&mu_, std::chrono::seconds(20))) return absl::UnknownError("no status");
    }
    return statuses_[seen_++];
  }
  // How the history was replaced next; none where it is not within a generous time.
  std::optional<Replaced> WaitForReplaced() {
    MutexLock lock(&mu_);
    while (replaced_.empty()) {
      if (!changed_.WaitFor(&mu_, std::chrono::seconds(20))) return std::nullopt;
    }
    const Replaced how = replaced_.front();
    replaced_.erase(replaced_.begin());
    return how;
  }
  bool replaced() {
    MutexLock lock(&mu_);
    return !replaced_.empty();
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
  size_t seen_ SB_GUARDED_BY(mu_) = 0;
  std::vector<Replaced> replaced_ SB_GUARDED_BY(mu_);
};

// Gives 1, 2, 3, ...: the first stores that are made with two of them have the same ids.
class Counting : public Random {
 public:
  uint64_t Next() override { return ++last_; }
  void Skip() { last_ += 1000; }

 private:
  std::atomic<uint64_t> last_ = 0;
};

struct Setting {
  Setting() {
    store = Make(&random);
    moody.emplace(store.get());
    builder.emplace(&bodies.registry(), &bodies.references());
    publisher.emplace(kGroup, &*moody, &*builder, &cache, &observer, &clock);
  }
  // The publisher first, and quickly.
  ~Setting() {
    moody->Close();
    publisher.reset();
  }

  void Commit(const std::string& cluster, const std::string& tag) {
    CommitTo(store.get(), cluster, tag);
  }
  void CommitTo(ResourceStore* to, const std::string& cluster, const std::string& tag) {
    const Upsert upsert{{"default", "cluster", cluster},
                        {.body = bodies.Body({"cluster", cluster, tag, {}})}};
    REQUIRE(CommitOnHead(*to, testing::Changes({upsert})).ok());
  }
  // Of the same id and epoch as `store`, with a history of its own.
  SqliteResourceStore* Copy() { return Add(); }
  // Of another id.
  SqliteResourceStore* Other() {
    ids.Skip();
    return Add();
  }
  SqliteResourceStore* Add() {
    others.push_back(Make(&ids));
    return others.back().get();
  }
  std::unique_ptr<SqliteResourceStore> Make(Random* from) {
    auto opened = SqliteResourceStore::Create(
        {.directory = "", .applied_by = "test", .clock = &clock, .random = from});
    REQUIRE(opened.ok());
    return *std::move(opened);
  }
  // The fragment that is served under a name.
  const Fragment* Find(const std::string& cluster) {
    return cache.Current(kGroup)
        ->types[bodies.registry().FindByShortName("cluster")->index()]
        ->Find(cluster);
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
  Counting random;
  Counting ids;  // of the one other store
  XdsBodies bodies;
  std::unique_ptr<SqliteResourceStore> store;
  std::vector<std::unique_ptr<SqliteResourceStore>> others;
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
  CHECK_FALSE(setting.observer.replaced());
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

// What the observer was told is a refusal that says what to do, and nothing was taken over.
void CheckRefused(Setting* setting, const std::string& words) {
  const absl::Status status = setting->observer.WaitForStatus();
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(status.message(), words));
  CHECK(absl::StrContains(status.message(), "signalbox db adopt --yes"));
  CHECK(setting->publisher->State().unadopted);
  CHECK(setting->publisher->State().problem == status);
  CHECK_FALSE(setting->observer.replaced());
}

const AuditEvent kAdopts = {.principal = "alice", .action = "adopt"};

TEST_CASE("another store is not followed, and when the right one is back all is well again") {
  Setting setting;
  SqliteResourceStore* const other = setting.Other();
  setting.CommitTo(other, "x", "1");
  setting.CommitTo(other, "y", "1");
  setting.Commit("a", "1");
  REQUIRE(setting.publisher->Start().ok());
  setting.moody->Become(other);
  CheckRefused(&setting, "another one");
  CHECK(setting.Served() == std::vector<std::string>{"a"});
  CHECK_FALSE(setting.publisher->Follows(*other->ReadHead()));
  CHECK(setting.observer.published() == std::vector<int64_t>{1});
  setting.moody->Become(setting.store.get());
  CHECK(setting.observer.WaitForStatus().ok());
  CHECK_FALSE(setting.publisher->State().unadopted);
  setting.Commit("b", "1");
  CHECK(setting.observer.WaitForRevision(2));
  CHECK(setting.publisher->Follows(*setting.store->ReadHead()));
}

TEST_CASE("another store is followed once it is adopted") {
  Setting setting;
  SqliteResourceStore* const other = setting.Other();
  setting.CommitTo(other, "x", "1");
  setting.Commit("a", "1");
  setting.Commit("b", "1");
  REQUIRE(setting.publisher->Start().ok());
  SECTION("while it is refused") {
    setting.moody->Become(other);
    CheckRefused(&setting, "another one");
    // By somebody who does not know what this instance served.
    REQUIRE(AdoptStore(other, {}, kAdopts).ok());
    CHECK(setting.observer.WaitForStatus().ok());
  }
  SECTION("before it is seen, by somebody who knows what was served") {
    const Head served = *setting.store->ReadHead();
    const Witness witness = {.name = "a file", .store_id = served.store_id, .epoch = served.epoch};
    REQUIRE(AdoptStore(other, {witness}, kAdopts).ok());
    setting.moody->Become(other);
  }
  CHECK(setting.observer.WaitForReplaced() == PublishObserver::Replaced::kAdopted);
  CHECK(setting.Served() == std::vector<std::string>{"x"});
  CHECK_FALSE(setting.publisher->State().unadopted);
  CHECK(setting.publisher->Follows(*other->ReadHead()));
}

TEST_CASE("an empty database is not followed by who has served something") {
  Setting setting;
  SqliteResourceStore* const empty = setting.Copy();
  setting.Commit("a", "1");
  REQUIRE(setting.publisher->Start().ok());
  setting.moody->Become(empty);
  CheckRefused(&setting, "empty");
  CHECK(setting.Served() == std::vector<std::string>{"a"});
  REQUIRE(AdoptStore(empty, {}, kAdopts).ok());
  CHECK(setting.observer.WaitForReplaced() == PublishObserver::Replaced::kAdopted);
  CHECK(setting.Served().empty());
  // Somebody said so.
  CHECK_FALSE(setting.cache.Current(kGroup)->unproven);
}

TEST_CASE("an empty store is taken for a mistake until it is adopted") {
  Setting setting;
  REQUIRE(setting.publisher->Start().ok());
  CHECK(setting.cache.Current(kGroup)->unproven);
  REQUIRE(AdoptStore(setting.store.get(), {}, kAdopts).ok());
  CHECK(setting.observer.WaitForReplaced() == PublishObserver::Replaced::kAdopted);
  CHECK_FALSE(setting.cache.Current(kGroup)->unproven);
}

TEST_CASE("a database with another history of the same store is followed, and only that is said") {
  Setting setting;
  SqliteResourceStore* const copy = setting.Copy();
  setting.CommitTo(copy, "a", "1");
  std::vector<std::string> expected;
  for (const char* name : {"a", "b"}) setting.Commit(name, "1");
  SECTION("at a lower revision") { expected = {"a"}; }
  SECTION("at the same revision") {
    setting.CommitTo(copy, "c", "1");
    expected = {"a", "c"};
  }
  SECTION("at a later revision") {
    for (const char* name : {"c", "d", "e"}) setting.CommitTo(copy, name, "1");
    expected = {"a", "c", "d", "e"};
  }
  REQUIRE(setting.publisher->Start().ok());
  const Fragment* const unchanged = setting.Find("a");
  setting.moody->Become(copy);
  CHECK(setting.observer.WaitForReplaced() == PublishObserver::Replaced::kFork);
  CHECK(setting.Served() == expected);
  CHECK(setting.Find("a") == unchanged);
  CHECK_FALSE(setting.publisher->State().unadopted);
  // It goes on from there.
  setting.CommitTo(copy, "z", "1");
  while (setting.cache.Current(kGroup)->digest != copy->ReadHead()->digest)
    std::this_thread::yield();
  CHECK(setting.Served().back() == "z");
  CHECK_FALSE(setting.observer.replaced());
}

TEST_CASE("a new epoch of the same store is followed") {
  Setting setting;
  setting.Commit("a", "1");
  REQUIRE(setting.publisher->Start().ok());
  REQUIRE(setting.store->StartEpoch(kAdopts).ok());
  CHECK(setting.observer.WaitForReplaced() == PublishObserver::Replaced::kAdopted);
  CHECK(setting.cache.Current(kGroup)->epoch == setting.store->ReadHead()->epoch);
}

TEST_CASE("another history is not followed where most of a type would be gone") {
  Setting setting;
  SqliteResourceStore* const copy = setting.Copy();
  setting.CommitTo(copy, "0", "1");
  for (int i = 0; i < 19; ++i) setting.Commit(absl::StrCat(i), "1");
  REQUIRE(setting.publisher->Start().ok());
  SECTION("more than half") {
    for (int i = 1; i < 9; ++i) setting.CommitTo(copy, absl::StrCat(i), "1");
    setting.moody->Become(copy);
    CheckRefused(&setting, "10 of 19 resources of the type cluster");
    CHECK(setting.Served().size() == 19);
    // What happens to it meanwhile changes nothing, unless enough comes back.
    setting.CommitTo(copy, "9", "1");
    CHECK(setting.observer.WaitForReplaced() == PublishObserver::Replaced::kFork);
    CHECK(setting.Served().size() == 10);
  }
  SECTION("not so many") {
    for (int i = 1; i < 10; ++i) setting.CommitTo(copy, absl::StrCat(i), "1");
    setting.moody->Become(copy);
    CHECK(setting.observer.WaitForReplaced() == PublishObserver::Replaced::kFork);
    CHECK(setting.Served().size() == 10);
  }
  SECTION("more than half, as adopted") {
    setting.moody->Become(copy);
    CheckRefused(&setting, "18 of 19");
    REQUIRE(AdoptStore(copy, {}, kAdopts).ok());
    CHECK(setting.observer.WaitForReplaced() == PublishObserver::Replaced::kAdopted);
    CHECK(setting.Served().size() == 1);
  }
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
