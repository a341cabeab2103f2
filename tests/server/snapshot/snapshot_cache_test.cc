#include "server/snapshot/snapshot_cache.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace signalbox {
namespace {

SnapshotPtr At(int64_t revision, const std::string& group = "default") {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->group = {"default", group};
  snapshot->revision = Revision{revision};
  return snapshot;
}

class Watcher : public SnapshotWatcher {
 public:
  void OnSnapshot(const SnapshotPtr& snapshot) override {
    newest = snapshot->revision.number, ++calls;
  }
  std::atomic<int64_t> newest = 0;
  std::atomic<int> calls = 0;
};

TEST_CASE("a group has no snapshot before one is published", "[snapshot_cache]") {
  SnapshotCache cache;
  CHECK(cache.Current({"default", "default"}) == nullptr);
  const auto watcher = std::make_shared<Watcher>();
  CHECK(cache.Watch({"default", "default"}, watcher) == nullptr);
  cache.Publish(At(1));
  CHECK(watcher->calls == 0);
  CHECK(cache.Current({"default", "default"})->revision == Revision{1});
  CHECK(cache.Current({"default", "other"}) == nullptr);
}

TEST_CASE("a watcher gets the newest at once and then each one of its group", "[snapshot_cache]") {
  SnapshotCache cache;
  cache.Publish(At(1));
  cache.Publish(At(1, "other"));
  const auto watcher = std::make_shared<Watcher>();
  CHECK(cache.Watch({"default", "default"}, watcher)->revision == Revision{1});
  CHECK(watcher->calls == 0);
  cache.Publish(At(2));
  cache.Publish(At(7, "other"));
  CHECK(watcher->newest == 2);
  CHECK(watcher->calls == 1);
}

TEST_CASE("watchers that are gone are not called and do not pile up", "[snapshot_cache]") {
  SnapshotCache cache;
  cache.Publish(At(1));
  const auto stays = std::make_shared<Watcher>();
  cache.Watch({"default", "default"}, stays);
  std::vector<std::weak_ptr<Watcher>> gone;
  for (int i = 0; i < 1000; ++i) {
    const auto watcher = std::make_shared<Watcher>();
    gone.push_back(watcher);
    cache.Watch({"default", "default"}, watcher);
  }
  for (const auto& watcher : gone) CHECK(watcher.expired());
  cache.Publish(At(2));
  CHECK(stays->calls == 1);
}

TEST_CASE("a watcher may use the cache when it is called", "[snapshot_cache]") {
  class Reentrant : public SnapshotWatcher {
   public:
    explicit Reentrant(SnapshotCache* cache) : cache_(cache) {}
    void OnSnapshot(const SnapshotPtr& snapshot) override {
      seen = cache_->Current({"default", "default"})->revision.number;
    }
    int64_t seen = 0;

   private:
    SnapshotCache* const cache_;
  };
  SnapshotCache cache;
  cache.Publish(At(1));
  const auto watcher = std::make_shared<Reentrant>(&cache);
  cache.Watch({"default", "default"}, watcher);
  cache.Publish(At(2));
  CHECK(watcher->seen == 2);
}

TEST_CASE("whoever watches while somebody publishes misses nothing", "[snapshot_cache]") {
  constexpr int64_t kLast = 2000;
  SnapshotCache cache;
  cache.Publish(At(1));
  std::vector<std::shared_ptr<Watcher>> watchers(200);
  std::vector<int64_t> first(watchers.size());
  std::thread publisher([&] {
    for (int64_t revision = 2; revision <= kLast; ++revision) cache.Publish(At(revision));
  });
  for (size_t i = 0; i < watchers.size(); ++i) {
    watchers[i] = std::make_shared<Watcher>();
    first[i] = cache.Watch({"default", "default"}, watchers[i])->revision.number;
    if (i % 3 == 0) std::this_thread::yield();
  }
  publisher.join();
  for (size_t i = 0; i < watchers.size(); ++i) {
    // What was there at the start, then every later one.
    CHECK(std::max<int64_t>(first[i], watchers[i]->newest) == kLast);
    CHECK(watchers[i]->calls >= kLast - first[i]);
  }
}

}  // namespace
}  // namespace signalbox
