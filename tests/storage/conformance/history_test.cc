// What reading, waiting and closing promise, of every store.
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/limits.h"
#include "storage/model/change_set.h"
#include "storage/resource_store.h"
#include "tests/storage/conformance/store_fixtures.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox::testing {
namespace {

TEMPLATE_LIST_TEST_CASE("a revision says who, when, why and how", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  fixture.clock.Advance(absl::Microseconds(1500));
  ChangeSet changes = Changes({Cluster("a")});
  changes.author = "bob";
  changes.message = "moved";
  changes.request_id = "r7";
  changes.kind = RevisionKind::kRollback;
  MustCommit(*store, changes);
  const auto info = store->GetRevision(Revision{1});
  REQUIRE(info.ok());
  CHECK(info->author == "bob");
  CHECK(info->message == "moved");
  CHECK(info->request_id == "r7");
  CHECK(info->kind == RevisionKind::kRollback);
  CHECK(info->time == absl::FromUnixMillis(1000000000001));
  CHECK(info->digest == store->ReadHead()->digest);
}

TEMPLATE_LIST_TEST_CASE("a revision that is not kept is out of range", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  CHECK(store->GetRevision(Revision{0}).status().code() == absl::StatusCode::kOutOfRange);
  MustCommit(*store, Changes({Cluster("a")}));
  CHECK(store->GetRevision(Revision{0}).status().code() == absl::StatusCode::kOutOfRange);
  CHECK(store->GetRevision(Revision{2}).status().code() == absl::StatusCode::kOutOfRange);
  CHECK(store->GetRevision(Revision{-1}).status().code() == absl::StatusCode::kOutOfRange);
}

TEMPLATE_LIST_TEST_CASE("revisions are listed newest first, page by page", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  CHECK(store->ListRevisions(std::nullopt, 10)->revisions.empty());
  for (int i = 1; i <= 5; ++i) MustCommit(*store, Changes({Cluster("a", std::to_string(i))}));
  std::vector<int64_t> seen;
  std::optional<Revision> below;
  int pages = 0;
  do {
    const auto page = store->ListRevisions(below, 2);
    REQUIRE(page.ok());
    for (const RevisionInfo& info : page->revisions) seen.push_back(info.revision.number);
    below = page->next_below;
    ++pages;
  } while (below.has_value());
  CHECK(seen == std::vector<int64_t>{5, 4, 3, 2, 1});
  CHECK(pages == 3);
  CHECK(!store->ListRevisions(std::nullopt, 5)->next_below.has_value());
}

TEMPLATE_LIST_TEST_CASE("changes come in order, each revision with its own content", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("b", "1"), Cluster("a", "1")}));
  MustCommit(*store, Changes({Cluster("a", "2")}, {ClusterKey("b")}));
  MustCommit(*store, Changes({Cluster("a", "1")}));
  const auto changes = store->ChangesSince(Revision{0});
  REQUIRE(changes.ok());
  REQUIRE(changes->size() == 3);
  CHECK((*changes)[0].upserts[0].key == ClusterKey("a"));
  CHECK((*changes)[0].upserts[1].key == ClusterKey("b"));
  CHECK((*changes)[0].upserts[0].changed_in == Revision{1});
  CHECK((*changes)[1].upserts[0].record->body == "2");
  CHECK((*changes)[1].removals == std::vector<ResourceKey>{ClusterKey("b")});
  CHECK((*changes)[2].upserts[0].record->body == "1");
  CHECK(store->ChangesSince(Revision{3})->empty());
  CHECK(store->ChangesSince(Revision{2})->size() == 1);
}

TEMPLATE_LIST_TEST_CASE(
    "changes after a revision above the head or below the history are out of range", "[store]",
    StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  CHECK(store->ChangesSince(Revision{2}).status().code() == absl::StatusCode::kOutOfRange);
  CHECK(store->ChangesSince(Revision{-1}).status().code() == absl::StatusCode::kOutOfRange);
}

TEMPLATE_LIST_TEST_CASE("one read of changes is bounded by revisions and goes on from the last",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const int count = limits::kMaxRevisionsPerRead + 5;
  for (int i = 1; i <= count; ++i) MustCommit(*store, Changes({Cluster("a", std::to_string(i))}));
  const auto first = store->ChangesSince(Revision{0});
  REQUIRE(first.ok());
  REQUIRE(first->size() == limits::kMaxRevisionsPerRead);
  const auto second = store->ChangesSince(first->back().info.revision);
  REQUIRE(second.ok());
  CHECK(second->size() == 5);
  CHECK(second->back().info.revision == Revision{count});
}

TEMPLATE_LIST_TEST_CASE("one read of changes is bounded by bytes and goes on from the last",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const int count = static_cast<int>(limits::kMaxBytesPerRead / limits::kMaxBodyBytes) + 2;
  for (int i = 1; i <= count; ++i) {
    std::string body(limits::kMaxBodyBytes, 'x');
    body[0] = static_cast<char>(i);
    MustCommit(*store, Changes({Cluster("a", body)}));
  }
  const auto first = store->ChangesSince(Revision{0});
  REQUIRE(first.ok());
  CHECK(static_cast<int>(first->size()) == count - 2);
  CHECK(store->ChangesSince(first->back().info.revision)->size() == 2);
}

TEMPLATE_LIST_TEST_CASE("the chain can be computed again from what is read", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a"), Cluster("b")}));
  MustCommit(*store, Changes({Cluster("a", "2")}, {ClusterKey("b")}));
  const auto head = store->ReadHead();
  const auto changes = store->ChangesSince(Revision{0});
  Digest digest;
  for (const RevisionChanges& revision : *changes) {
    CHECK(revision.info.previous_digest == digest);
    digest = ChainDigest(digest, revision.info, revision.upserts, revision.removals);
    CHECK(revision.info.digest == digest);
  }
  CHECK(head->digest == digest);
}

TEMPLATE_LIST_TEST_CASE("a resource that is not there is not found", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  CHECK(store->Get(ClusterKey("a")).status().code() == absl::StatusCode::kNotFound);
}

TEMPLATE_LIST_TEST_CASE("a wait ends at once when the head is another already", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  const auto head = store->WaitForChange(Head{}, absl::InfiniteFuture());
  REQUIRE(head.ok());
  CHECK(head->revision == Revision{1});
  CHECK(head->digest == store->ReadHead()->digest);
}

TEMPLATE_LIST_TEST_CASE("a commit wakes a wait", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  std::optional<absl::StatusOr<Head>> woken;
  const Head empty = *store->ReadHead();
  std::thread waiter([&] { woken = store->WaitForChange(empty, absl::InfiniteFuture()); });
  MustCommit(*store, Changes({Cluster("a")}));
  waiter.join();
  REQUIRE(woken->ok());
  CHECK((*woken)->revision == Revision{1});
}

TEMPLATE_LIST_TEST_CASE("a wait whose deadline has passed returns the head as it is", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const auto head = store->WaitForChange(*store->ReadHead(), fixture.clock.Monotonic());
  REQUIRE(head.ok());
  CHECK(head->revision == Revision{0});
}

TEMPLATE_LIST_TEST_CASE("closing ends waits and refuses what comes after", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  std::optional<absl::StatusOr<Head>> woken;
  const Head seen = *store->ReadHead();
  std::thread waiter([&] { woken = store->WaitForChange(seen, absl::InfiniteFuture()); });
  store->Close();
  waiter.join();
  constexpr auto kCancelled = absl::StatusCode::kCancelled;
  CHECK(woken->status().code() == kCancelled);
  store->Close();
  CHECK(store->Commit(Changes({Cluster("b")}), Revision{1}, AcceptAll(), {}).status().code() ==
        kCancelled);
  CHECK(store->ReadHead().status().code() == kCancelled);
  CHECK(store->LoadHead().status().code() == kCancelled);
  CHECK(store->ChangesSince(Revision{0}).status().code() == kCancelled);
  CHECK(store->WaitForChange(Head{}, absl::InfinitePast()).status().code() == kCancelled);
  CHECK(store->Get(ClusterKey("a")).status().code() == kCancelled);
  CHECK(store->GetRevision(Revision{1}).status().code() == kCancelled);
  CHECK(store->ListRevisions(std::nullopt, 1).status().code() == kCancelled);
  CHECK(store->SizeBytes().status().code() == kCancelled);
  CHECK(store->Info().schema_version > 0);
}

TEMPLATE_LIST_TEST_CASE("reads beside a writer see whole revisions only", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a", "0"), Cluster("b", "0")}));
  std::thread writer([&] {
    for (int i = 1; i <= 50; ++i) {
      const std::string body = std::to_string(i);
      MustCommit(*store, Changes({Cluster("a", body), Cluster("b", body)}));
    }
  });
  Revision last;
  int torn = 0;
  while (last < Revision{51}) {
    const auto state = store->LoadHead();
    if (!state.ok() || state->head.revision < last || state->resources.size() != 2 ||
        state->resources[0].record->body != state->resources[1].record->body ||
        state->resources[0].changed_in != state->head.revision) {
      ++torn;
      break;
    }
    last = state->head.revision;
  }
  writer.join();
  CHECK(torn == 0);
}

TEMPLATE_LIST_TEST_CASE("a store's size grows with what it holds", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const int64_t before = store->SizeBytes().value();
  MustCommit(*store, Changes({Cluster("a", std::string(size_t{1} << 20, 'x'))}));
  CHECK(store->SizeBytes().value() >= before + (1 << 20));
}

TEMPLATE_LIST_TEST_CASE("what was committed is there when the store is opened again", "[store]",
                        StoreFixtures) {
  if constexpr (!TestType::kReopens) {
    WARN("n/a: nothing is kept");
  } else {
    TestType fixture;
    auto store = fixture.Open();
    ChangeSet changes = Changes({Cluster("a"), Cluster("b")});
    changes.request_id = "r1";
    MustCommit(*store, changes);
    MustCommit(*store, Changes({Cluster("a", "2")}, {ClusterKey("b")}));
    const Head head = *store->ReadHead();
    if (GENERATE(true, false)) store->Close();
    store.reset();
    store = fixture.Open();
    const Head again = *store->ReadHead();
    CHECK(again.store_id == head.store_id);
    CHECK(again.epoch == head.epoch);
    CHECK(again.revision == Revision{2});
    CHECK(again.digest == head.digest);
    CHECK(NamesAtHead(*store) == std::vector<std::string>{"a"});
    CHECK(store->ChangesSince(Revision{0})->size() == 2);
    CHECK(CommitOnHead(*store, changes)->outcome == Committed::Outcome::kRepeated);
    CHECK(store->WaitForChange(Head{}, absl::InfinitePast())->revision == Revision{2});
    CHECK(MustCommit(*store, Changes({Cluster("c")})) == Revision{3});
  }
}

}  // namespace
}  // namespace signalbox::testing
