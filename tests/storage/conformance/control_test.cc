// What the outbox, the control log, epochs and request ids promise, of every store.
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "storage/limits.h"
#include "storage/resource_store.h"
#include "tests/storage/conformance/store_fixtures.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox::testing {
namespace {

AuditEvent Revoked() {
  return {.principal = "alice", .action = "revoke token", .resource = "token/7", .source = "unix"};
}

// The actions in the outbox after `cursor`.
std::vector<std::string> Actions(ResourceStore& store, const AuditCursor& cursor = {}) {
  const auto rows = store.ReadOutbox(cursor, 1000);
  REQUIRE(rows.ok());
  std::vector<std::string> actions;
  for (const OutboxRow& row : *rows) actions.push_back(row.event.action);
  return actions;
}

using Texts = std::vector<std::string>;

TEMPLATE_LIST_TEST_CASE("each revision leaves one event in the outbox", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  ChangeSet changes = Changes({Cluster("a"), Cluster("b")});
  changes.author = "bob";
  changes.request_id = "r1";
  changes.source = "10.0.0.1";
  changes.kind = RevisionKind::kImport;
  MustCommit(*store, changes);
  MustCommit(*store, Changes({Cluster("a", "2")}));
  const auto rows = store->ReadOutbox({}, 10);
  REQUIRE(rows.ok());
  REQUIRE(rows->size() == 2);
  const OutboxRow& first = rows->front();
  CHECK(first.seq == 1);
  CHECK(first.epoch == store->ReadHead()->epoch);
  CHECK(first.event.principal == "bob");
  CHECK(first.event.action == "import");
  CHECK(first.event.resource.empty());
  CHECK(first.event.revision == Revision{1});
  CHECK(first.event.request_id == "r1");
  CHECK(first.event.source == "10.0.0.1");
  CHECK(first.event.detail == "2 created, 0 updated, 0 removed");
  CHECK(first.event.time == store->GetRevision(Revision{1})->time);
  CHECK((*rows)[1].seq == 2);
  CHECK((*rows)[1].event.resource == "default/cluster/a");
  CHECK((*rows)[1].event.revision == Revision{2});
}

TEMPLATE_LIST_TEST_CASE("what makes no revision leaves no event", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  CHECK(CommitOnHead(*store, Changes({Cluster("a")})).ok());
  CHECK_FALSE(CommitOnHead(*store, Changes({}, {ClusterKey("z")})).ok());
  CHECK(Actions(*store).size() == 1);
}

TEMPLATE_LIST_TEST_CASE("the outbox is read from a cursor, page by page", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  for (int i = 0; i < 5; ++i) MustCommit(*store, Changes({Cluster(absl::StrCat(i))}));
  const auto page = store->ReadOutbox({}, 2);
  REQUIRE(page->size() == 2);
  const AuditCursor cursor = {.epoch = page->back().epoch, .seq = page->back().seq};
  const auto rest = store->ReadOutbox(cursor, 10);
  REQUIRE(rest->size() == 3);
  CHECK(rest->front().seq == 3);
  CHECK(store->ReadOutbox({.epoch = cursor.epoch, .seq = 5}, 10)->empty());
}

TEMPLATE_LIST_TEST_CASE("the outbox is trimmed up to a cursor and only of what is old", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  for (int i = 0; i < 3; ++i) {
    MustCommit(*store, Changes({Cluster(absl::StrCat(i))}));
    fixture.clock.Advance(absl::Hours(1));
  }
  const uint64_t epoch = store->ReadHead()->epoch;
  const absl::Time first = store->GetRevision(Revision{1})->time;
  CHECK(*store->TrimOutbox({.epoch = epoch, .seq = 3}, first) == 0);
  CHECK(*store->TrimOutbox({.epoch = epoch, .seq = 1}, absl::InfiniteFuture()) == 1);
  CHECK(*store->TrimOutbox({.epoch = epoch, .seq = 3},
                           store->GetRevision(Revision{2})->time + absl::Milliseconds(1)) == 1);
  const auto left = store->ReadOutbox({}, 10);
  REQUIRE(left->size() == 1);
  CHECK(left->front().seq == 3);
  CHECK(*store->TrimOutbox({.epoch = epoch, .seq = 3}, absl::InfiniteFuture()) == 1);
  MustCommit(*store, Changes({Cluster("later")}));
  CHECK(store->ReadOutbox({}, 10)->front().seq == 4);
}

TEMPLATE_LIST_TEST_CASE("an entry of the control log comes with its event and makes no revision",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const Head before = *store->ReadHead();
  const auto after = store->AppendControl({.kind = "token", .subject = "7"}, Revoked());
  REQUIRE(after.ok());
  CHECK(after->control_seq == before.control_seq + 1);
  CHECK(after->revision == before.revision);
  CHECK(*after == *store->ReadHead());
  const auto entries = store->ControlSince(before.control_seq);
  REQUIRE(entries->size() == 1);
  CHECK(entries->front().seq == after->control_seq);
  CHECK(entries->front().kind == "token");
  CHECK(entries->front().subject == "7");
  CHECK(entries->front().time != absl::Time());
  CHECK(store->ControlSince(after->control_seq)->empty());
  CHECK(Actions(*store) == Texts{"revoke token"});
}

TEMPLATE_LIST_TEST_CASE("the outbox is in order across revisions and control entries", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  REQUIRE(store->AppendControl({.kind = "token"}, Revoked()).ok());
  MustCommit(*store, Changes({Cluster("b")}));
  CHECK(Actions(*store) == Texts{"apply", "revoke token", "apply"});
}

TEMPLATE_LIST_TEST_CASE("an entry without a kind and an event without a principal are refused",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  CHECK(store->AppendControl({.subject = "7"}, Revoked()).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(store->AppendControl({.kind = "token"}, {.action = "x"}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(store->AppendControl({.kind = "\xff"}, Revoked()).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(store->ReadHead()->control_seq == 0);
  CHECK(Actions(*store).empty());
}

TEMPLATE_LIST_TEST_CASE("an entry of the control log wakes a wait", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const Head seen = *store->ReadHead();
  std::optional<absl::StatusOr<Head>> woken;
  std::thread waiter([&] { woken = store->WaitForChange(seen, absl::InfiniteFuture()); });
  REQUIRE(store->AppendControl({.kind = "token"}, Revoked()).ok());
  waiter.join();
  REQUIRE(woken->ok());
  CHECK((*woken)->control_seq == 1);
}

TEMPLATE_LIST_TEST_CASE("an epoch starts with an entry and an event, and the history stays",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  const Head before = *store->ReadHead();
  AuditEvent restored = Revoked();
  restored.action = "store restored";
  const auto after = store->StartEpoch(restored);
  REQUIRE(after.ok());
  CHECK(after->epoch != before.epoch);
  CHECK(after->revision == before.revision);
  CHECK(after->digest == before.digest);
  const auto entries = store->ControlSince(0);
  REQUIRE(entries->size() == 1);
  CHECK(entries->front().kind == "epoch");
  CHECK(entries->front().subject == EpochEnded(before.epoch).subject);
  CHECK(NamesAtHead(*store) == Texts{"a"});
  MustCommit(*store, Changes({Cluster("b")}));
  const auto changes = store->ChangesSince(Revision{0});
  REQUIRE(changes.ok());
  REQUIRE(changes->size() == 2);
  CHECK((*changes)[0].info.epoch == before.epoch);
  CHECK((*changes)[1].info.epoch == after->epoch);
}

TEMPLATE_LIST_TEST_CASE("what a request knows of an epoch before is refused", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  const uint64_t before = store->ReadHead()->epoch;
  CHECK(CommitOnHead(*store, Changes({Cluster("a", "2")}),
                     {.epoch = before, .expected_revision = Revision{1}})
            .ok());
  REQUIRE(store->StartEpoch(Revoked()).ok());
  CHECK(CommitOnHead(*store, Changes({Cluster("a", "3")}),
                     {.epoch = before, .expected_revision = Revision{2}})
            .status()
            .code() == absl::StatusCode::kAborted);
  CHECK(MustReadHead(*store) == Revision{2});
}

TEMPLATE_LIST_TEST_CASE("a reader of the outbox goes on across epochs", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  MustCommit(*store, Changes({Cluster("b")}));
  const AuditCursor first = {.epoch = store->ReadHead()->epoch, .seq = 1};
  REQUIRE(store->StartEpoch(Revoked()).ok());
  MustCommit(*store, Changes({Cluster("c")}));
  REQUIRE(store->StartEpoch(Revoked()).ok());
  MustCommit(*store, Changes({Cluster("d")}));
  CHECK(Actions(*store, first) == Texts{"apply", "revoke token", "apply", "revoke token", "apply"});
  // The cursor is of an epoch that this store does not know: only what is surely new follows.
  CHECK(Actions(*store, {.epoch = first.epoch + 1, .seq = 99}) == Texts{"revoke token", "apply"});
}

TEMPLATE_LIST_TEST_CASE("a request is found by its author and id", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  ChangeSet changes = Changes({Cluster("a")});
  changes.request_id = "r1";
  MustCommit(*store, changes);
  MustCommit(*store, Changes({Cluster("b")}));
  CHECK(store->FindRequest("alice", "r1").value() == Revision{1});
  CHECK(store->FindRequest("bob", "r1").value() == std::nullopt);
  CHECK(store->FindRequest("alice", "r2").value() == std::nullopt);
  CHECK(store->FindRequest("alice", std::string("\0", 1)).status().code() ==
        absl::StatusCode::kInvalidArgument);
  fixture.clock.Advance(limits::kRequestIdKept);
  CHECK(store->FindRequest("alice", "r1").value() == std::nullopt);
}

TEMPLATE_LIST_TEST_CASE("the outbox, the control log and the epoch are there when reopened",
                        "[store]", StoreFixtures) {
  TestType fixture;
  if constexpr (!TestType::kReopens) {
    WARN("n/a: nothing in memory survives");
  } else {
    Head head;
    {
      auto store = fixture.Open();
      MustCommit(*store, Changes({Cluster("a")}));
      REQUIRE(store->StartEpoch(Revoked()).ok());
      MustCommit(*store, Changes({Cluster("b")}));
      head = *store->ReadHead();
    }
    auto store = fixture.Open();
    CHECK(*store->ReadHead() == head);
    CHECK(Actions(*store) == Texts{"apply", "revoke token", "apply"});
    CHECK(store->ControlSince(0)->size() == 1);
    MustCommit(*store, Changes({Cluster("c")}));
    CHECK(Actions(*store).size() == 4);
  }
}

TEMPLATE_LIST_TEST_CASE("a change without an author is told as anonymous", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  ChangeSet changes = Changes({Cluster("a")});
  changes.author.clear();
  MustCommit(*store, changes);
  CHECK(store->ReadOutbox({}, 10)->front().event.principal == "anonymous");
  CHECK(store->GetRevision(Revision{1})->author.empty());
}

TEMPLATE_LIST_TEST_CASE("an event of a control entry comes back whole, with the store's time",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  AuditEvent event = {.time = absl::FromUnixSeconds(5),
                      .principal = "al\"ice",
                      .action = "revoke token",
                      .resource = "token/Grüße",
                      .revision = Revision{7},
                      .request_id = "r-1",
                      .outcome = AuditOutcome::kFailed,
                      .detail = "why\n",
                      .source = "unix"};
  REQUIRE(store->AppendControl({.kind = "token", .subject = "Grüße \\"}, event).ok());
  event.time = fixture.clock.Now();
  CHECK(store->ReadOutbox({}, 10)->front().event == event);
  CHECK(store->ControlSince(0)->front().subject == "Grüße \\");
}

TEMPLATE_LIST_TEST_CASE("the control log is read from an entry on", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  for (int i = 1; i <= 5; ++i) {
    REQUIRE(store->AppendControl({.kind = "token", .subject = absl::StrCat(i)}, Revoked()).ok());
  }
  const auto rest = store->ControlSince(3);
  REQUIRE(rest->size() == 2);
  CHECK((*rest)[0].subject == "4");
  CHECK((*rest)[1].subject == "5");
  CHECK(store->ControlSince(99)->empty());
  CHECK(store->ControlSince(-1)->size() == 5);
}

}  // namespace
}  // namespace signalbox::testing
