// What reading, waiting and closing promise, of every store.
#include <catch2/catch.hpp>
#include <cstdint>
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

TEMPLATE_LIST_TEST_CASE("every part of a record is in every read of the past", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Upsert whole = Cluster("a", std::string("1\0\xff", 3));
  whole.record.targets = {"east", "west"};
  whole.record.labels = {{"env", "prod"}, {"", ""}};
  whole.record.annotations = {{"why", "Grüße \"x\" \\"}};
  whole.record.owner = "ci";
  whole.record.source = "shop.yaml:7";
  MustCommit(*store, Changes({whole}));
  MustCommit(*store, Changes({Cluster("a", "2")}));
  MustCommit(*store, Changes({}, {ClusterKey("a")}));
  CHECK(*store->ChangesSince(Revision{0})->front().upserts.front().record == whole.record);
  CHECK(*store->History(ClusterKey("a"), std::nullopt, 10)->changes.back().resource->record ==
        whole.record);
  CHECK(*store->LoadAt(Revision{1})->resources.front().record == whole.record);
  // A rollback is a change with what was read.
  Upsert back = {.key = whole.key, .record = *store->LoadAt(Revision{1})->resources[0].record};
  MustCommit(*store, Changes({back}));
  const auto now = store->Get(ClusterKey("a"));
  REQUIRE(now.ok());
  CHECK(*now->record == whole.record);
  CHECK(now->record_hash == whole.record.Hash());
  CHECK(now->changed_in == Revision{4});
}

TEMPLATE_LIST_TEST_CASE("what is true of times: milliseconds of the store's clock, everywhere",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  fixture.clock.Advance(absl::Nanoseconds(1234567890));
  const absl::Time expected = absl::FromUnixMillis(1000000001234);
  MustCommit(*store, Changes({Cluster("a")}));
  REQUIRE(store->AppendControl({.kind = "token"}, {.principal = "bob", .action = "x"}).ok());
  CHECK(store->GetRevision(Revision{1})->time == expected);
  CHECK(store->ListRevisions(std::nullopt, 1)->revisions.front().time == expected);
  CHECK(store->ChangesSince(Revision{0})->front().info.time == expected);
  CHECK(store->History(ClusterKey("a"), std::nullopt, 1)->changes.front().info.time == expected);
  CHECK(store->ControlSince(0)->front().time == expected);
  const auto outbox = store->ReadOutbox({}, 10);
  REQUIRE(outbox.ok());
  for (const OutboxRow& row : *outbox) CHECK(row.event.time == expected);
}

TEMPLATE_LIST_TEST_CASE("a page has at least one row, whatever size is asked for", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  for (int i = 0; i < 3; ++i) MustCommit(*store, Changes({Cluster("a", std::to_string(i))}));
  const int size = GENERATE(0, -1, INT32_MIN);
  const auto revisions = store->ListRevisions(std::nullopt, size);
  REQUIRE(revisions.ok());
  CHECK(revisions->revisions.size() == 1);
  CHECK(revisions->next_below == Revision{3});
  const auto history = store->History(ClusterKey("a"), std::nullopt, size);
  REQUIRE(history.ok());
  CHECK(history->changes.size() == 1);
  CHECK(history->next_below == Revision{3});
  CHECK(store->ReadOutbox({}, size)->size() == 1);
  CHECK(store->History(ClusterKey("a"), std::nullopt, INT32_MAX)->changes.size() == 3);
}

TEMPLATE_LIST_TEST_CASE("below the first revision there is none", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  for (const int64_t below : {int64_t{1}, int64_t{0}, int64_t{-5}}) {
    CHECK(store->ListRevisions(Revision{below}, 10)->revisions.empty());
    CHECK(store->History(ClusterKey("a"), Revision{below}, 10)->changes.empty());
  }
  CHECK(store->ListRevisions(Revision{99}, 10)->revisions.size() == 1);
  CHECK(store->History(ClusterKey("a"), Revision{99}, 10)->changes.size() == 1);
}

TEMPLATE_LIST_TEST_CASE("a page of history is bounded by bytes and goes on from the last",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const int count = static_cast<int>(limits::kMaxBytesPerRead / limits::kMaxBodyBytes) + 2;
  for (int i = 1; i <= count; ++i) {
    std::string body(limits::kMaxBodyBytes, 'x');
    body[0] = static_cast<char>(i);
    MustCommit(*store, Changes({Cluster("a", body)}));
  }
  const auto first = store->History(ClusterKey("a"), std::nullopt, 1000);
  REQUIRE(first.ok());
  CHECK(static_cast<int>(first->changes.size()) == count - 2);
  const auto rest = store->History(ClusterKey("a"), first->next_below, 1000);
  REQUIRE(rest.ok());
  CHECK(rest->changes.size() == 2);
  CHECK_FALSE(rest->next_below.has_value());
}

TEMPLATE_LIST_TEST_CASE("a wait ends when the head is of another epoch, store or digest", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  const Head head = *store->ReadHead();
  std::vector<Head> others(4, head);
  others[0].epoch += 1;
  others[1].store_id = "another";
  others[2].digest = Digest{};
  others[3].revision = Revision{9};
  for (const Head& other : others) {
    const auto woken = store->WaitForChange(other, absl::InfiniteFuture());
    REQUIRE(woken.ok());
    CHECK(*woken == head);
  }
}

TEMPLATE_LIST_TEST_CASE("the chain covers the epoch and goes on across epochs", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  REQUIRE(store->StartEpoch({.principal = "alice", .action = "restore"}).ok());
  MustCommit(*store, Changes({Cluster("b")}));
  const auto changes = store->ChangesSince(Revision{0});
  REQUIRE(changes.ok());
  REQUIRE(changes->size() == 2);
  const RevisionChanges& last = changes->back();
  CHECK(last.info.previous_digest == changes->front().info.digest);
  CHECK(ChainDigest(last.info.previous_digest, last.info, last.upserts, last.removals) ==
        last.info.digest);
  RevisionInfo forged = last.info;
  forged.epoch = changes->front().info.epoch;
  CHECK(ChainDigest(forged.previous_digest, forged, last.upserts, last.removals) !=
        last.info.digest);
  CHECK(store->LoadAt(Revision{1})->resources.size() == 1);
}

}  // namespace
}  // namespace signalbox::testing
