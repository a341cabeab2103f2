// What the stores do in a second: durable changes, reads by key, lists by label, one resource's
// history.
//
// usage: bench/storage [SECONDS] [BACKEND...]
//   SECONDS  how long each figure of changes is taken; 3 unless said
//   BACKEND  sqlite, memory or postgres (a cluster of its own, with fsync); all unless said
//
// Bodies are 2 KB and new each time, each change is one resource with two labels and a request id.
// Everything runs in this process; on PostgreSQL the server is another one on the same machine,
// whose CPU is not counted.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "storage/migrator/migration_policy.h"
#include "storage/postgres/postgres_resource_store.h"
#include "storage/postgres/postgres_schemas.h"
#include "storage/resource_store.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/postgres_cluster.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

constexpr size_t kBodyBytes = 2048;
constexpr int kKeysPerWriter = 50;
constexpr int kListed = 100000;  // resources that lists choose from
constexpr int kPerLabel = 1000;  // of which one label has so many
constexpr int kVersions = 1000;  // of the resource whose history is read

class Bench {
 public:
  explicit Bench(std::string backend) : backend_(std::move(backend)) {
    if (backend_ == "postgres") {
      cluster_.emplace(testing::PostgresCluster::Options{.fsync = true});
      database_.emplace(&*cluster_);
      const auto schemas = PostgresSchemas::Open({.conninfo = database_->Url(),
                                                  .applied_by = "bench",
                                                  .migrate = MigrationPolicy::kAuto,
                                                  .clock = &clock_,
                                                  .random = &random_});
      Check(schemas.status());
      auto store =
          PostgresResourceStore::Create(*schemas, {.key_file = directory_.Join("secrets.key")});
      Check(store.status());
      store_ = *std::move(store);
      return;
    }
    auto store = SqliteResourceStore::Create(
        {.directory = backend_ == "sqlite" ? directory_.Join("data") : std::string(),
         .applied_by = "bench",
         .clock = &clock_,
         .random = &random_});
    Check(store.status());
    store_ = *std::move(store);
  }

  void Run(absl::Duration span) {
    for (const int writers : {1, 16, 64}) Commits(writers, span);
    FillForLists();
    Reads();
    Lists();
    History();
    store_->Close();
  }

 private:
  using Times = std::vector<absl::Duration>;

  static void Check(const absl::Status& status) {
    if (status.ok()) return;
    std::cerr << status << "\n";
    std::exit(1);
  }

  // What this process has computed so far, all its threads.
  static absl::Duration Cpu() {
    timespec used;
    SB_CHECK(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0);
    return absl::DurationFromTimespec(used);
  }

  // `cpu` is what all of them cost this process.
  void Print(absl::string_view what, double per_second, absl::Duration cpu, Times times) {
    std::sort(times.begin(), times.end());
    const auto at = [&](double share) {
      const auto i = static_cast<size_t>(share * static_cast<double>(times.size() - 1));
      return absl::ToDoubleMilliseconds(times[i]);
    };
    std::printf("%-9s %-44s %9.0f /s   p50 %8.3f ms   p99 %8.3f ms   cpu %8.0f us each\n",
                backend_.c_str(), std::string(what).c_str(), per_second, at(0.5), at(0.99),
                absl::ToDoubleMicroseconds(cpu) / static_cast<double>(times.size()));
    std::fflush(stdout);
  }

  // One after the other, as often as `count` says.
  void Repeat(absl::string_view what, int count, const std::function<void()>& action) {
    Times times;
    const absl::Time began = clock_.Monotonic();
    const absl::Duration cpu = Cpu();
    for (int i = 0; i < count; ++i) {
      const absl::Time start = clock_.Monotonic();
      action();
      times.push_back(clock_.Monotonic() - start);
    }
    Print(what, count / absl::ToDoubleSeconds(clock_.Monotonic() - began), Cpu() - cpu,
          std::move(times));
  }

  void Commits(int writers, absl::Duration span) {
    std::vector<Times> times(static_cast<size_t>(writers));
    std::vector<std::thread> threads;
    const absl::Duration cpu = Cpu();
    const absl::Time until = clock_.Monotonic() + span;
    for (int writer = 0; writer < writers; ++writer) {
      threads.emplace_back([this, writer, writers, until, &mine = times[writer]] {
        Write(absl::StrCat("w", writers, "-", writer), until, &mine);
      });
    }
    for (std::thread& thread : threads) thread.join();
    Times all;
    for (const Times& its : times) all.insert(all.end(), its.begin(), its.end());
    const double per_second = static_cast<double>(all.size()) / absl::ToDoubleSeconds(span);
    Print(absl::StrCat("durable changes, ", writers, writers == 1 ? " writer" : " writers"),
          per_second, Cpu() - cpu, std::move(all));
  }

  void Write(const std::string& name, absl::Time until, Times* times) {
    std::mt19937_64 random(std::hash<std::string>{}(name));
    Revision judged_on = store_->ReadHead()->revision;
    for (int i = 0; clock_.Monotonic() < until; ++i) {
      const ChangeSet changes =
          Change(absl::StrCat(name, "-", i % kKeysPerWriter), absl::StrCat(name, "-", i), &random);
      const absl::Time start = clock_.Monotonic();
      const auto committed = store_->Commit(changes, judged_on, testing::AcceptAll(), {});
      times->push_back(clock_.Monotonic() - start);
      Check(committed.status());
      judged_on = committed->revision;
    }
  }

  static ChangeSet Change(const std::string& key, const std::string& id, std::mt19937_64* random) {
    Upsert upsert = testing::Cluster(key);
    upsert.record.body.resize(kBodyBytes);
    for (size_t i = 0; i < kBodyBytes; i += 8) {
      const uint64_t word = (*random)();
      std::copy_n(reinterpret_cast<const char*>(&word), 8, &upsert.record.body[i]);
    }
    upsert.record.labels = {{"env", "bench"}, {"tier", "1"}};
    ChangeSet changes = testing::Changes({std::move(upsert)});
    changes.request_id = id;
    return changes;
  }

  void FillForLists() {
    std::mt19937_64 random(1);
    for (int i = 0; i < kListed;) {
      ChangeSet changes = testing::Changes({});
      for (int end = i + 5000; i < end; ++i) {
        Upsert upsert = testing::Cluster(absl::StrCat("listed-", i));
        upsert.record.body = absl::StrCat(random()) + std::string(1000, 'x');
        upsert.record.labels = {{"hundredth", absl::StrCat(i % (kListed / kPerLabel))},
                                {"half", absl::StrCat(i % 2)}};
        changes.upserts.push_back(std::move(upsert));
      }
      Check(testing::CommitOnHead(*store_, changes).status());
    }
    for (int i = 0; i < kVersions; ++i) {
      Check(testing::CommitOnHead(
                *store_, testing::Changes({testing::Cluster("versioned", absl::StrCat(i))}))
                .status());
    }
  }

  void Reads() {
    std::mt19937_64 random(2);
    Repeat("reads by key", 5000, [&] {
      Check(store_->Get(testing::ClusterKey(absl::StrCat("listed-", random() % kListed))).status());
    });
  }

  void Lists() {
    const auto list = [this](const ResourceFilter& filter) {
      const auto page = store_->List(filter, std::nullopt, kPerLabel);
      Check(page.status());
      SB_CHECK(page->resources.size() == kPerLabel);
    };
    int label = 0;
    Repeat("1,000 of 100,000 by a label that 1,000 have", 100, [&] {
      list({.labels = {{"hundredth", absl::StrCat(label++ % 100)}}});
    });
    Repeat("1,000 of 100,000 by a label that 50,000 have", 100, [&] {
      list({.labels = {{"half", absl::StrCat(label++ % 2)}}});
    });
    Repeat("the first 1,000 of 100,000", 100, [&] { list({}); });
  }

  void History() {
    Repeat("100 of 1,000 revisions of one resource", 500, [&] {
      const auto page = store_->History(testing::ClusterKey("versioned"), std::nullopt, 100);
      Check(page.status());
      SB_CHECK(page->changes.size() == 100);
    });
  }

  const std::string backend_;
  SystemClock clock_;
  SystemRandom random_;
  testing::TempDir directory_;
  std::optional<testing::PostgresCluster> cluster_;
  std::optional<testing::PostgresDatabase> database_;
  std::unique_ptr<ResourceStore> store_;
};

}  // namespace
}  // namespace signalbox

int main(int argc, char** argv) {
  absl::Duration span = absl::Seconds(3);
  std::vector<std::string> backends;
  for (int i = 1; i < argc; ++i) {
    const int seconds = std::atoi(argv[i]);
    if (seconds > 0) {
      span = absl::Seconds(seconds);
    } else {
      backends.push_back(argv[i]);
    }
  }
  if (backends.empty()) backends = {"sqlite", "memory", "postgres"};
  for (const std::string& backend : backends) {
    if (backend != "sqlite" && backend != "memory" && backend != "postgres") {
      std::cerr << "bench/storage: there is no backend \"" << backend
                << "\": say sqlite, memory or postgres\n";
      return 2;
    }
    signalbox::Bench(backend).Run(span);
  }
  return 0;
}
