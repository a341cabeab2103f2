// Two writers on two connections to one PostgreSQL, for a time: one makes routes to clusters, the
// other takes clusters away and makes them anew, each judged as the daemon judges. Beside them both
// send the same requests at once, and a watcher reads what is visible.
//   racers CONNINFO KEY_FILE SECONDS
// Prints the figures, and a line "WRONG ..." for what must not be; then it exits 1.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "server/admin/snapshot_judge.h"
#include "server/snapshot/snapshot_builder.h"
#include "storage/migrator/migration_policy.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/postgres/postgres_resource_store.h"
#include "storage/postgres/postgres_schemas.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox::testing {
namespace {

using Outcome = Committed::Outcome;

constexpr int kClusters = 4;
constexpr int kRoutes = 2;

// What must not be, as it is found.
class Findings {
 public:
  void Wrong(const std::string& what) SB_EXCLUDES(mu_) {
    MutexLock lock(&mu_);
    if (count_++ < 20) std::cout << "WRONG " << what << std::endl;
  }
  bool any() SB_EXCLUDES(mu_) {
    MutexLock lock(&mu_);
    return count_ > 0;
  }

 private:
  Mutex mu_;
  int count_ SB_GUARDED_BY(mu_) = 0;
};

struct Acknowledged {
  std::string request_id;
  Revision revision;
};

// What the threads share.
struct Race {
  Findings findings;
  std::atomic<bool> over = false;
  std::atomic<int64_t> newest = 0;  // the newest revision that was acknowledged
  std::atomic<int> made = 0;
  std::atomic<int> seen_beforehand = 0;  // refused by the dry run
  std::atomic<int> caught = 0;           // refused by the judge in the commit
  std::atomic<int> busy = 0;
  std::atomic<int> twins = 0;  // requests that were sent twice at once
  std::atomic<int> looks = 0;

  Mutex mu;
  std::vector<Acknowledged> acknowledged SB_GUARDED_BY(mu);

  void Acknowledge(const std::string& id, Revision revision) {
    int64_t before = newest;
    while (before < revision.number && !newest.compare_exchange_weak(before, revision.number)) {
    }
    MutexLock lock(&mu);
    acknowledged.push_back({id, revision});
  }
};

// An instance: a store of its own and its newest snapshot.
class Instance : public SnapshotReader {
 public:
  static absl::StatusOr<std::unique_ptr<Instance>> Open(const std::string& conninfo,
                                                        const std::string& key_file) {
    auto instance = std::make_unique<Instance>();
    PostgresSchemas::Options options;
    options.conninfo = conninfo;
    options.applied_by = "racers";
    options.migrate = MigrationPolicy::kAuto;
    options.clock = &instance->clock_;
    options.random = &instance->random_;
    SB_ASSIGN_OR_RETURN(std::shared_ptr<PostgresSchemas> schemas, PostgresSchemas::Open(options));
    PostgresResourceStore::Options store_options;
    store_options.key_file = key_file;
    SB_ASSIGN_OR_RETURN(instance->store_,
                        PostgresResourceStore::Create(std::move(schemas), store_options));
    SB_ASSIGN_OR_RETURN(const HeadState state, instance->store_->LoadHead());
    SB_ASSIGN_OR_RETURN(instance->snapshot_,
                        instance->builder_.Build(instance->group_, state, nullptr));
    return instance;
  }

  SnapshotPtr Current(const NodeGroupName&) const override { return snapshot_; }
  SnapshotPtr Watch(const NodeGroupName&, std::weak_ptr<SnapshotWatcher>) override {
    return snapshot_;
  }

  // Goes on to the head; one thread.
  absl::Status Advance() {
    while (true) {
      SB_ASSIGN_OR_RETURN(const std::vector<RevisionChanges> changes,
                          store_->ChangesSince(snapshot_->revision));
      if (changes.empty()) return absl::OkStatus();
      SB_ASSIGN_OR_RETURN(snapshot_, builder_.Advance(*snapshot_, changes));
    }
  }

  bool Has(const std::string& type, const std::string& name) const {
    return snapshot_->types[bodies_.registry().FindByShortName(type)->index()]->FindPtr(name) !=
           nullptr;
  }

  // Judged as ConfigHandler judges: a dry run, then the commit, which asks again.
  absl::StatusOr<Committed> Commit(const ChangeSet& changes, bool* dry) {
    SB_ASSIGN_OR_RETURN(const Judging judging, source_());
    *dry = true;
    SB_RETURN_IF_ERROR(judging.judge->Check(judging.judged_on, {}, changes));
    *dry = false;
    return store_->Commit(changes, judging.judged_on, *judging.judge, {});
  }

  ResourceStore* store() { return store_.get(); }
  const SnapshotBuilder& builder() const { return builder_; }
  XdsBodies* bodies() { return &bodies_; }
  const SnapshotPtr& snapshot() const { return snapshot_; }

 private:
  SystemClock clock_;
  SystemRandom random_;
  XdsBodies bodies_;
  SnapshotBuilder builder_{&bodies_.registry(), &bodies_.references()};
  NodeGroupName group_{std::string(kDefaultNamespace), std::string(kDefaultGroup)};
  std::unique_ptr<PostgresResourceStore> store_;
  SnapshotPtr snapshot_;
  JudgeSource source_ = [this]() -> absl::StatusOr<Judging> {
    return JudgeBySnapshot(&builder_, this, group_, store_.get())();
  };
};

ChangeSet Request(const std::string& id) {
  ChangeSet changes;
  changes.author = "racer";
  changes.request_id = id;
  return changes;
}

void Put(XdsBodies* bodies, const XdsBodies::Spec& spec, ChangeSet* changes) {
  Record record;
  record.body = bodies->Body(spec);
  changes->upserts.push_back(
      {{std::string(kDefaultNamespace), spec.type, spec.name}, std::move(record)});
}

// What the next change of a writer is; none: look again.
using NextChange = std::function<std::optional<ChangeSet>(int i)>;

void Write(Race* race, Instance* instance, const NextChange& next) {
  for (int i = 0; !race->over; ++i) {
    if (const absl::Status advanced = instance->Advance(); !advanced.ok()) {
      race->findings.Wrong(absl::StrCat("a revision cannot be published: ", advanced.ToString()));
      return;
    }
    const std::optional<ChangeSet> changes = next(i);
    if (!changes.has_value()) continue;
    bool dry = false;
    const absl::StatusOr<Committed> committed = instance->Commit(*changes, &dry);
    if (committed.ok()) {
      if (committed->outcome != Outcome::kNewRevision) {
        race->findings.Wrong(absl::StrCat(changes->request_id, " made no revision"));
      }
      ++race->made;
      race->Acknowledge(changes->request_id, committed->revision);
    } else if (absl::IsInvalidArgument(committed.status())) {
      ++(dry ? race->seen_beforehand : race->caught);
    } else if (absl::IsAborted(committed.status())) {
      ++race->busy;
    } else {
      race->findings.Wrong(absl::StrCat(changes->request_id, ": ", committed.status().ToString()));
    }
  }
}

void Refer(Race* race, Instance* instance) {
  std::mt19937 random(1);
  Write(race, instance, [&](int i) {
    ChangeSet changes = Request(absl::StrCat("refer-", i));
    const std::string name = absl::StrCat("r", random() % kRoutes);
    if (random() % 3 == 0 && instance->Has("route", name)) {
      changes.removals.push_back({std::string(kDefaultNamespace), "route", name});
    } else {
      Put(instance->bodies(),
          {"route", name, absl::StrCat(i), {absl::StrCat("cluster/c", random() % kClusters)}},
          &changes);
    }
    return changes;
  });
}

void TakeAway(Race* race, Instance* instance) {
  std::mt19937 random(2);
  Write(race, instance, [&](int i) {
    ChangeSet changes = Request(absl::StrCat("take-", i));
    const std::string name = absl::StrCat("c", random() % kClusters);
    if (instance->Has("cluster", name)) {
      changes.removals.push_back({std::string(kDefaultNamespace), "cluster", name});
    } else {
      Put(instance->bodies(), {"cluster", name, absl::StrCat(i), {"static"}}, &changes);
    }
    return changes;
  });
}

class AcceptsAll : public Judge {
 public:
  absl::Status Check(Revision, absl::Span<const RevisionChanges>, const ChangeSet&) const override {
    return absl::OkStatus();
  }
};

// The same requests through both stores at once: one revision each, and both are told of it.
class Twins {
 public:
  Twins(Race* race, ResourceStore* one, ResourceStore* two) : race_(race), stores_{one, two} {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this, i] { Run(i); });
  }
  ~Twins() {
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Run(size_t self) {
    XdsBodies bodies;
    const AcceptsAll judge;
    for (int i = 0;; ++i) {
      meet_.arrive_and_wait();
      if (self == 0) going_on_ = !race_->over;
      meet_.arrive_and_wait();
      if (!going_on_) return;
      ChangeSet changes = Request(absl::StrCat("twin-", i));
      Put(&bodies, {"cluster", "twin", absl::StrCat(i), {"static"}}, &changes);
      answers_[self] = CommitOnHead(stores_[self], changes, judge);
      while (absl::IsAborted(answers_[self].status())) {
        ++race_->busy;
        answers_[self] = CommitOnHead(stores_[self], changes, judge);
      }
      meet_.arrive_and_wait();
      if (self == 0) Compare(changes.request_id);
    }
  }

  static absl::StatusOr<Committed> CommitOnHead(ResourceStore* store, const ChangeSet& changes,
                                                const Judge& judge) {
    SB_ASSIGN_OR_RETURN(const Head head, store->ReadHead());
    return store->Commit(changes, head.revision, judge, {});
  }

  void Compare(const std::string& id) {
    for (const auto& answer : answers_) {
      if (answer.ok()) continue;
      race_->findings.Wrong(absl::StrCat(id, ": ", answer.status().ToString()));
      return;
    }
    const auto [one, two] = std::pair(*answers_[0], *answers_[1]);
    const std::set<Outcome> outcomes = {one.outcome, two.outcome};
    if (one.revision != two.revision ||
        outcomes != std::set<Outcome>{Outcome::kNewRevision, Outcome::kRepeated}) {
      race_->findings.Wrong(
          absl::StrCat(id, " made revisions ", one.revision.number, " and ", two.revision.number));
    }
    ++race_->twins;
    race_->Acknowledge(id, one.revision);
  }

  Race* const race_;
  ResourceStore* const stores_[2];
  std::barrier<> meet_{2};
  std::atomic<bool> going_on_ = true;
  absl::StatusOr<Committed> answers_[2];
  std::vector<std::thread> threads_;  // last: they use all of the above
};

constexpr Sql kLook = {"look",
                       "SELECT head.revision, coalesce(max(number), 0), count(number), head.digest "
                       "FROM config.head LEFT JOIN config.revision ON TRUE "
                       "GROUP BY head.revision, head.digest"};

// Reads all the time: what is visible are the revisions up to the head, all of them, in order, and
// none is acknowledged before it is visible. Returns the heads that were seen.
std::map<int64_t, Digest> Watch(Race* race, const std::string& conninfo) {
  std::map<int64_t, Digest> seen;
  auto connection = PostgresConnection::Open({.conninfo = conninfo});
  if (!connection.ok()) {
    race->findings.Wrong(connection.status().ToString());
    return seen;
  }
  int64_t last = 0;
  while (!race->over) {
    const int64_t acknowledged = race->newest;
    const auto looked = (*connection)->Run(kLook);
    if (!looked.ok()) {
      race->findings.Wrong(looked.status().ToString());
      return seen;
    }
    const PostgresRow row = (*looked)[0];
    const int64_t head = row.Int(0);
    if (row.Int(1) != head || row.Int(2) != head) {
      race->findings.Wrong(absl::StrCat("with the head at ", head, " the newest of ", row.Int(2),
                                        " revisions is ", row.Int(1)));
    }
    if (head < last) race->findings.Wrong(absl::StrCat("the head went from ", last, " to ", head));
    if (head < acknowledged) {
      race->findings.Wrong(
          absl::StrCat("revision ", acknowledged, " was acknowledged, and the head is ", head));
    }
    last = head;
    seen.emplace(head, row.DigestAt(3));
    ++race->looks;
  }
  return seen;
}

ChangeSet ChangesOf(const RevisionChanges& revision) {
  ChangeSet changes;
  for (const Resource& resource : revision.upserts) {
    changes.upserts.push_back({resource.key, *resource.record});
  }
  changes.removals = revision.removals;
  return changes;
}

// Publishes every revision, one by one, and compares them with what was acknowledged and seen.
absl::StatusOr<int64_t> CheckAll(Race* race, Instance* instance,
                                 const std::map<int64_t, Digest>& seen) {
  HeadState nothing;
  SB_ASSIGN_OR_RETURN(SnapshotPtr snapshot,
                      instance->builder().Build(instance->snapshot()->group, nothing, nullptr));
  std::map<std::string, int64_t> made;
  int64_t last = 0;
  while (true) {
    SB_ASSIGN_OR_RETURN(const std::vector<RevisionChanges> revisions,
                        instance->store()->ChangesSince(Revision{last}));
    if (revisions.empty()) break;
    for (const RevisionChanges& revision : revisions) {
      const int64_t number = revision.info.revision.number;
      if (number != last + 1) race->findings.Wrong(absl::StrCat(number, " follows ", last));
      last = number;
      const absl::Status publishable =
          instance->builder().Check(*snapshot, {}, ChangesOf(revision));
      if (!publishable.ok()) {
        race->findings.Wrong(
            absl::StrCat("revision ", number, " is not publishable: ", publishable.ToString()));
      }
      SB_ASSIGN_OR_RETURN(snapshot, instance->builder().Advance(*snapshot, {revision}));
      if (!made.emplace(revision.info.request_id, number).second) {
        race->findings.Wrong(absl::StrCat(revision.info.request_id, " made two revisions"));
      }
      const auto found = seen.find(number);
      if (found != seen.end() && found->second != revision.info.digest) {
        race->findings.Wrong(absl::StrCat("revision ", number, " was visible as another one"));
      }
    }
  }
  MutexLock lock(&race->mu);
  for (const Acknowledged& one : race->acknowledged) {
    const auto found = made.find(one.request_id);
    if (found == made.end() || found->second != one.revision.number) {
      race->findings.Wrong(absl::StrCat(one.request_id, " was acknowledged as revision ",
                                        one.revision.number, " and is not"));
    }
  }
  if (made.size() != race->acknowledged.size()) {
    race->findings.Wrong(absl::StrCat(race->acknowledged.size(), " were acknowledged and ",
                                      made.size(), " are there"));
  }
  return last;
}

absl::Status Run(const std::string& conninfo, const std::string& key_file, int seconds,
                 Race* race) {
  SB_ASSIGN_OR_RETURN(const std::unique_ptr<Instance> one, Instance::Open(conninfo, key_file));
  SB_ASSIGN_OR_RETURN(const std::unique_ptr<Instance> two, Instance::Open(conninfo, key_file));
  std::map<int64_t, Digest> seen;
  {
    const Twins twins(race, one->store(), two->store());
    std::thread refer([&] { Refer(race, one.get()); });
    std::thread take_away([&] { TakeAway(race, two.get()); });
    std::thread watch([&] { seen = Watch(race, conninfo); });
    std::this_thread::sleep_for(std::chrono::seconds(seconds));  // the length of the race
    race->over = true;
    refer.join();
    take_away.join();
    watch.join();
  }
  SB_ASSIGN_OR_RETURN(const int64_t revisions, CheckAll(race, one.get(), seen));
  if (race->caught == 0) race->findings.Wrong("no race was caught: nothing was shown");
  std::cout << seconds << " s, " << revisions << " revisions, all publishable, " << race->caught
            << " refused at the commit and " << race->seen_beforehand << " before it, "
            << race->busy << " told to retry, " << race->twins << " requests sent twice at once, "
            << race->looks << " looks at " << seen.size() << " heads" << std::endl;
  return absl::OkStatus();
}

}  // namespace
}  // namespace signalbox::testing

int main(int argc, char** argv) {
  int seconds = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[3], &seconds)) {
    std::cerr << "usage: racers CONNINFO KEY_FILE SECONDS\n";
    return 2;
  }
  signalbox::testing::Race race;
  const absl::Status status = signalbox::testing::Run(argv[1], argv[2], seconds, &race);
  if (!status.ok()) race.findings.Wrong(status.ToString());
  return race.findings.any() ? 1 : 0;
}
