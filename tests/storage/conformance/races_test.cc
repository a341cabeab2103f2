// What happens to callers that come at once, of every store.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "storage/resource_store.h"
#include "tests/storage/conformance/store_fixtures.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox::testing {
namespace {

using absl::StatusCode;
using Outcome = Committed::Outcome;
using Results = std::vector<absl::StatusOr<Committed>>;

constexpr int kCallers = 8;

// What `call` gave for each of 0, 1, ... at once.
Results AtOnce(int callers, const std::function<absl::StatusOr<Committed>(int)>& call) {
  Results results(static_cast<size_t>(callers), absl::UnknownError(""));
  std::atomic<int> ready = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&, i] {
      ++ready;
      while (ready < callers) std::this_thread::yield();
      results[static_cast<size_t>(i)] = call(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return results;
}

int CountOf(const Results& results, const std::function<bool(const Committed&)>& is) {
  int count = 0;
  for (const auto& result : results) {
    if (result.ok() && is(*result)) ++count;
  }
  return count;
}

bool IsNew(const Committed& committed) { return committed.outcome == Outcome::kNewRevision; }

TEMPLATE_LIST_TEST_CASE("of commits that wait together, one that fails fails alone", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  constexpr int kMany = 24;
  const Results results = AtOnce(kMany, [&](int i) {
    const ChangeSet good = Changes({Cluster(absl::StrCat("c", i))});
    switch (i % 4) {
      case 0:
        return store->Commit(good, Revision{0}, AcceptAll(), {});
      case 1:
        return store->Commit(Changes({Cluster(absl::StrCat("c", i))}, {ClusterKey("missing")}),
                             Revision{0}, AcceptAll(), {});
      case 2:
        return store->Commit(good, Revision{0}, AcceptAll(), {.expected_revision = Revision{1000}});
      default:
        return store->Commit(good, Revision{0}, AcceptAll(),
                             {.expected_changes = {{ClusterKey("never"), Revision{7}}}});
    }
  });
  std::vector<int64_t> revisions;
  for (size_t i = 0; i < results.size(); ++i) {
    if (i % 4 == 0) {
      REQUIRE(results[i].ok());
      revisions.push_back(results[i]->revision.number);
    } else {
      CHECK(results[i].status().code() ==
            (i % 4 == 1 ? StatusCode::kNotFound : StatusCode::kFailedPrecondition));
    }
  }
  std::sort(revisions.begin(), revisions.end());
  CHECK(revisions == std::vector<int64_t>{1, 2, 3, 4, 5, 6});
  CHECK(NamesAtHead(*store).size() == 6);
}

TEMPLATE_LIST_TEST_CASE("of commits that wait together, each has its own revision, time and event",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const Results results = AtOnce(kCallers, [&](int i) {
    ChangeSet changes = Changes({Cluster(absl::StrCat("c", i), absl::StrCat(i))});
    changes.author = absl::StrCat("author ", i);
    changes.request_id = absl::StrCat("r", i);
    return store->Commit(changes, Revision{0}, AcceptAll(), {});
  });
  const auto changes = store->ChangesSince(Revision{0});
  REQUIRE(changes.ok());
  const auto outbox = store->ReadOutbox({}, 100);
  REQUIRE(outbox.ok());
  REQUIRE(outbox->size() == kCallers);
  for (size_t i = 0; i < results.size(); ++i) {
    REQUIRE(results[i].ok());
    CHECK(results[i]->created == 1);
    const auto at = static_cast<size_t>(results[i]->revision.number - 1);
    REQUIRE(at < changes->size());
    CHECK((*changes)[at].info.author == absl::StrCat("author ", i));
    CHECK((*changes)[at].info.request_id == absl::StrCat("r", i));
    REQUIRE((*changes)[at].upserts.size() == 1);
    CHECK((*changes)[at].upserts[0].record->body == absl::StrCat(i));
    CHECK((*outbox)[at].event.principal == absl::StrCat("author ", i));
    CHECK((*outbox)[at].seq == results[i]->revision.number);
  }
}

TEMPLATE_LIST_TEST_CASE("of many that create a resource at once, one does", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const Results results = AtOnce(kCallers, [&](int i) {
    return store->Commit(Changes({Cluster("a", absl::StrCat(i))}), Revision{0}, AcceptAll(),
                         {.expected_changes = {{ClusterKey("a"), Revision{0}}}});
  });
  CHECK(CountOf(results, IsNew) == 1);
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].ok()) {
      CHECK(store->Get(ClusterKey("a"))->record->body == absl::StrCat(i));
    } else {
      CHECK(results[i].status().code() == StatusCode::kFailedPrecondition);
    }
  }
  CHECK(MustReadHead(*store) == Revision{1});
}

TEMPLATE_LIST_TEST_CASE("of many that expect the same revision at once, one gets it", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  const Results results = AtOnce(kCallers, [&](int i) {
    return store->Commit(Changes({Cluster(absl::StrCat("c", i))}), Revision{1}, AcceptAll(),
                         {.expected_revision = Revision{1}});
  });
  CHECK(CountOf(results, IsNew) == 1);
  CHECK(MustReadHead(*store) == Revision{2});
}

TEMPLATE_LIST_TEST_CASE("one request that is sent many times at once is done once", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("before")}));
  ChangeSet changes = Changes({Cluster("a")});
  changes.request_id = "r1";
  const Results results =
      AtOnce(kCallers, [&](int) { return store->Commit(changes, Revision{1}, AcceptAll(), {}); });
  CHECK(CountOf(results, IsNew) == 1);
  CHECK(CountOf(results, [](const Committed& committed) {
          return committed.outcome == Outcome::kRepeated && committed.revision == Revision{2};
        }) == kCallers - 1);
  CHECK(MustReadHead(*store) == Revision{2});
}

TEMPLATE_LIST_TEST_CASE("of two requests at once with one id, the other is refused", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const Results results = AtOnce(2, [&](int i) {
    ChangeSet changes = Changes({Cluster(absl::StrCat("c", i))});
    changes.request_id = "r1";
    return store->Commit(changes, Revision{0}, AcceptAll(), {});
  });
  CHECK(CountOf(results, IsNew) == 1);
  const auto& refused = results[0].ok() ? results[1] : results[0];
  CHECK(refused.status().code() == StatusCode::kInvalidArgument);
}

TEMPLATE_LIST_TEST_CASE("what many make of one resource at once is at the head what the last made",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  for (int round = 0; round < 5; ++round) {
    const Results results = AtOnce(kCallers, [&](int i) {
      const std::string body = absl::StrCat(round, "-", i);
      if (i % 4 == 3) {
        return store->Commit(Changes({Cluster("b", body)}, {}), Revision{0}, AcceptAll(), {});
      }
      Upsert upsert = Cluster("a", body);
      upsert.record.labels = {{"body", body}};
      return store->Commit(Changes({upsert}), Revision{0}, AcceptAll(), {});
    });
    CHECK(CountOf(results, IsNew) == kCallers);
    std::map<std::string, std::pair<Revision, std::string>> last;
    const auto changes = store->ChangesSince(Revision{0});
    REQUIRE(changes.ok());
    for (const RevisionChanges& revision : *changes) {
      const Resource& resource = revision.upserts.front();
      last[resource.key.name] = {revision.info.revision, resource.record->body};
    }
    for (const char* name : {"a", "b"}) {
      const auto read = store->Get(ClusterKey(name));
      REQUIRE(read.ok());
      CHECK(read->changed_in == last[name].first);
      CHECK(read->record->body == last[name].second);
    }
    CHECK(
        store->List({.labels = {{"body", last["a"].second}}}, std::nullopt, 10)->resources.size() ==
        1);
  }
}

// Lets a cluster go only where no route is there, and a route only where the cluster is.
class ReferencesJudge : public Judge {
 public:
  absl::Status Check(Revision, absl::Span<const RevisionChanges> since,
                     const ChangeSet& changes) const override {
    bool route = false;
    bool cluster = true;
    for (const RevisionChanges& revision : since) {
      for (const Resource& resource : revision.upserts) route |= resource.key.type == "route";
      for (const ResourceKey& key : revision.removals) cluster &= key.type != "cluster";
    }
    if (!changes.removals.empty() && route) return absl::InvalidArgumentError("a route names it");
    if (!changes.upserts.empty() && !cluster) return absl::InvalidArgumentError("it is gone");
    return absl::OkStatus();
  }
};

TEMPLATE_LIST_TEST_CASE("of a change and one that takes away what it names, at once, one is in",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const ReferencesJudge judge;
  for (int round = 0; round < 10; ++round) {
    const ResourceKey route = {.namespace_name = "default", .type = "route", .name = "r"};
    std::vector<ResourceKey> old;
    if (store->Get(route).ok()) old.push_back(route);
    MustCommit(*store, Changes({Cluster("a", absl::StrCat(round))}, old));
    const Revision head = MustReadHead(*store);
    const Results results = AtOnce(2, [&](int i) {
      return i == 0 ? store->Commit(Changes({}, {ClusterKey("a")}), head, judge, {})
                    : store->Commit(Changes({{.key = route, .record = {.body = "to a"}}}), head,
                                    judge, {});
    });
    CHECK(CountOf(results, IsNew) == 1);
    CHECK(store->Get(ClusterKey("a")).ok() == store->Get(route).ok());
  }
}

TEMPLATE_LIST_TEST_CASE("control entries and commits at once leave one event each, without gaps",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  std::atomic<int> failed = 0;
  const Results results = AtOnce(kCallers, [&](int i) -> absl::StatusOr<Committed> {
    if (i % 2 == 0) return CommitOnHead(*store, Changes({Cluster(absl::StrCat("c", i))}));
    if (!store
             ->AppendControl({.kind = "token", .subject = absl::StrCat(i)},
                             {.principal = "bob", .action = "revoke token"})
             .ok()) {
      ++failed;
    }
    return absl::UnknownError("no commit");
  });
  CHECK(failed == 0);
  CHECK(CountOf(results, IsNew) == kCallers / 2);
  const Head head = *store->ReadHead();
  CHECK(head.revision == Revision{kCallers / 2});
  CHECK(head.control_seq == kCallers / 2);
  const auto entries = store->ControlSince(0);
  REQUIRE(entries.ok());
  std::vector<std::string> subjects;
  for (size_t i = 0; i < entries->size(); ++i) {
    CHECK((*entries)[i].seq == static_cast<int64_t>(i) + 1);
    subjects.push_back((*entries)[i].subject);
  }
  std::sort(subjects.begin(), subjects.end());
  CHECK(subjects == std::vector<std::string>{"1", "3", "5", "7"});
  const auto outbox = store->ReadOutbox({}, 100);
  REQUIRE(outbox.ok());
  REQUIRE(outbox->size() == kCallers);
  for (size_t i = 0; i < outbox->size(); ++i) {
    CHECK((*outbox)[i].seq == static_cast<int64_t>(i) + 1);
  }
}

TEMPLATE_LIST_TEST_CASE("one commit wakes all that wait", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const Head seen = *store->ReadHead();
  std::vector<absl::StatusOr<Head>> woken(4, absl::UnknownError(""));
  std::vector<std::thread> waiters;
  for (auto& head : woken) {
    waiters.emplace_back([&] { head = store->WaitForChange(seen, absl::InfiniteFuture()); });
  }
  MustCommit(*store, Changes({Cluster("a")}));
  for (std::thread& waiter : waiters) waiter.join();
  for (const auto& head : woken) {
    REQUIRE(head.ok());
    CHECK(head->revision == Revision{1});
  }
}

// Commits to `store` until `done`: bodies of "steady" resources change, others come and go.
std::thread Churn(ResourceStore* store, std::atomic<bool>* done, std::atomic<int>* failed) {
  return std::thread([store, done, failed] {
    for (int i = 0; !*done || i < 20; ++i) {
      std::vector<Upsert> upserts;
      for (int n = 0; n < 10; ++n) {
        upserts.push_back(Cluster(absl::StrCat("steady", n), absl::StrCat("body ", i)));
      }
      upserts.push_back(Cluster(absl::StrCat("s", i)));
      std::vector<ResourceKey> removals;
      if (i > 0) removals.push_back(ClusterKey(absl::StrCat("s", i - 1)));
      if (!CommitOnHead(*store, Changes(std::move(upserts), std::move(removals))).ok()) ++*failed;
    }
  });
}

TEMPLATE_LIST_TEST_CASE("a page beside a writer is of one revision, which it names", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  std::thread writer = Churn(store.get(), &done, &failed);
  int torn = 0;
  for (int i = 0; i < 30; ++i) {
    const auto page = store->List({}, std::nullopt, 100);
    if (!page.ok()) {
      ++torn;
      continue;
    }
    if (page->head.revision == Revision{0}) continue;
    if (page->resources.size() != 11) ++torn;
    for (const Resource& resource : page->resources) {
      if (resource.changed_in != page->head.revision) ++torn;
    }
  }
  done = true;
  writer.join();
  CHECK(torn == 0);
  CHECK(failed == 0);
}

TEMPLATE_LIST_TEST_CASE("pages beside a writer show what stays exactly once, in order", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  std::vector<Upsert> first;
  for (int n = 0; n < 10; ++n) first.push_back(Cluster(absl::StrCat("steady", n), "x"));
  MustCommit(*store, Changes(first));
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  std::thread writer = Churn(store.get(), &done, &failed);
  int wrong = 0;
  for (int i = 0; i < 10; ++i) {
    std::vector<std::string> names;
    std::optional<ResourceKey> after;
    do {
      const auto page = store->List({}, after, 3);
      if (!page.ok()) break;
      for (const Resource& resource : page->resources) names.push_back(resource.key.name);
      after = page->next_after;
    } while (after.has_value());
    if (!std::is_sorted(names.begin(), names.end())) ++wrong;
    if (std::unique(names.begin(), names.end()) != names.end()) ++wrong;
    const auto steady = std::count_if(names.begin(), names.end(), [](const std::string& name) {
      return name.rfind("steady", 0) == 0;
    });
    if (steady != 10) ++wrong;
  }
  done = true;
  writer.join();
  CHECK(wrong == 0);
  CHECK(failed == 0);
}

TEMPLATE_LIST_TEST_CASE("changes that are followed beside a writer are contiguous and in the chain",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  std::thread writer = Churn(store.get(), &done, &failed);
  Revision last;
  Digest digest;
  int wrong = 0;
  const auto follow = [&] {
    const auto changes = store->ChangesSince(last);
    if (!changes.ok()) {
      ++wrong;
      return;
    }
    for (const RevisionChanges& revision : *changes) {
      if (revision.info.revision != Next(last) || revision.info.previous_digest != digest) ++wrong;
      last = revision.info.revision;
      digest = revision.info.digest;
    }
  };
  for (int i = 0; i < 50 || last < Revision{10}; ++i) follow();
  done = true;
  writer.join();
  follow();
  CHECK(wrong == 0);
  CHECK(failed == 0);
  CHECK(last == MustReadHead(*store));
  CHECK(digest == store->ReadHead()->digest);
}

TEMPLATE_LIST_TEST_CASE(
    "of commits that a closing overtakes, those that were acknowledged are there when opened again",
    "[store]", StoreFixtures) {
  if constexpr (!TestType::kReopens) {
    WARN("n/a: nothing is kept");
  } else {
    TestType fixture;
    auto store = fixture.Open();
    std::atomic<int> committed = 0;
    std::atomic<int> odd = 0;
    std::vector<std::thread> writers;
    for (int w = 0; w < 4; ++w) {
      writers.emplace_back([&, w] {
        for (int i = 0;; ++i) {
          const auto result = store->Commit(Changes({Cluster(absl::StrCat("w", w, "-", i))}),
                                            Revision{0}, AcceptAll(), {});
          if (!result.ok()) {
            if (result.status().code() != StatusCode::kCancelled) ++odd;
            return;
          }
          ++committed;
        }
      });
    }
    while (committed < 10) std::this_thread::yield();
    store->Close();
    for (std::thread& writer : writers) writer.join();
    CHECK(odd == 0);
    store.reset();
    store = fixture.Open();
    CHECK(MustReadHead(*store) == Revision{committed});
    CHECK(NamesAtHead(*store).size() == static_cast<size_t>(committed));
  }
}

}  // namespace
}  // namespace signalbox::testing
