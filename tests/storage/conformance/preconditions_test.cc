// What etags, expected revisions and request ids promise, of every store.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/limits.h"
#include "storage/resource_store.h"
#include "tests/storage/conformance/store_fixtures.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox::testing {
namespace {

using absl::StatusCode;
using Outcome = Committed::Outcome;

StatusCode CodeOf(const absl::StatusOr<Committed>& committed) { return committed.status().code(); }

// The resource `name` last changed in `revision`.
Preconditions Unchanged(absl::string_view name, int64_t revision) {
  return {.expected_changes = {{ClusterKey(name), Revision{revision}}}};
}

ChangeSet WithId(ChangeSet changes, absl::string_view request_id) {
  changes.request_id = std::string(request_id);
  return changes;
}

TEMPLATE_LIST_TEST_CASE("an etag does not hold after its content went and came back", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a", "first")}));
  MustCommit(*store, Changes({Cluster("a", "second")}));
  MustCommit(*store, Changes({Cluster("a", "first")}));
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("a", "third")}), Unchanged("a", 1))) ==
        StatusCode::kFailedPrecondition);
  CHECK(CommitOnHead(*store, Changes({Cluster("a", "third")}), Unchanged("a", 3)).ok());
}

TEMPLATE_LIST_TEST_CASE("an etag does not mind what becomes of other resources", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a"), Cluster("b")}));
  MustCommit(*store, Changes({Cluster("a"), Cluster("b", "2"), Cluster("c")}));
  CHECK(CommitOnHead(*store, Changes({Cluster("a", "2")}), Unchanged("a", 1)).ok());
}

TEMPLATE_LIST_TEST_CASE("an etag may be of a resource that the change leaves alone", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("guard")}));
  CHECK(CommitOnHead(*store, Changes({Cluster("a")}), Unchanged("guard", 1)).ok());
  MustCommit(*store, Changes({Cluster("guard", "2")}));
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("b")}), Unchanged("guard", 1))) ==
        StatusCode::kFailedPrecondition);
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("b")}), Unchanged("never", 1))) ==
        StatusCode::kFailedPrecondition);
  CHECK(CommitOnHead(*store, Changes({Cluster("b")}), Unchanged("never", 0)).ok());
}

TEMPLATE_LIST_TEST_CASE("one etag of several that does not hold keeps all of the change out",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a"), Cluster("b")}));
  MustCommit(*store, Changes({Cluster("b", "2")}));
  Preconditions both = Unchanged("a", 1);
  both.expected_changes[ClusterKey("b")] = Revision{1};
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("a", "3"), Cluster("b", "3")}), both)) ==
        StatusCode::kFailedPrecondition);
  CHECK(store->Get(ClusterKey("a"))->record->body == "body");
  both.expected_changes[ClusterKey("b")] = Revision{2};
  CHECK(CommitOnHead(*store, Changes({Cluster("a", "3"), Cluster("b", "3")}), both).ok());
}

TEMPLATE_LIST_TEST_CASE("an etag guards a removal too", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  MustCommit(*store, Changes({Cluster("a", "2")}));
  CHECK(CodeOf(CommitOnHead(*store, Changes({}, {ClusterKey("a")}), Unchanged("a", 1))) ==
        StatusCode::kFailedPrecondition);
  CHECK(CommitOnHead(*store, Changes({}, {ClusterKey("a")}), Unchanged("a", 2)).ok());
}

TEMPLATE_LIST_TEST_CASE("a precondition counts where nothing would change, too", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("a")}), {.expected_revision = Revision{0}})) ==
        StatusCode::kFailedPrecondition);
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("a")}), Unchanged("a", 0))) ==
        StatusCode::kFailedPrecondition);
}

TEMPLATE_LIST_TEST_CASE("an expected revision above the head does not hold", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("a")}), {.expected_revision = Revision{1}})) ==
        StatusCode::kFailedPrecondition);
  CHECK(CommitOnHead(*store, Changes({Cluster("a")}), {.expected_revision = Revision{0}}).ok());
}

TEMPLATE_LIST_TEST_CASE(
    "what a change is refused for is looked at in order: limits, request id, preconditions, "
    "removals, judge",
    "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, WithId(Changes({Cluster("a")}), "used"));
  MustCommit(*store, Changes({Cluster("b")}));
  const FixedJudge no(absl::PermissionDeniedError("the judge"));
  const Preconditions stale = {.expected_revision = Revision{1}};
  ChangeSet changes = WithId(Changes({Cluster("c")}, {ClusterKey("missing")}), "used");
  changes.author = "\xff";
  const auto told = [&](const Preconditions& preconditions) {
    const auto refused = store->Commit(changes, Revision{1}, no, preconditions).status();
    return std::string(refused.message());
  };
  CHECK(told(stale).find("author") != std::string::npos);
  changes.author = "alice";
  CHECK(told(stale).find("request id") != std::string::npos);
  changes.request_id = "new";
  CHECK(CodeOf(store->Commit(changes, Revision{1}, no, stale)) == StatusCode::kFailedPrecondition);
  CHECK(CodeOf(store->Commit(changes, Revision{1}, no, {})) == StatusCode::kNotFound);
  changes.removals.clear();
  CHECK(CodeOf(store->Commit(changes, Revision{1}, no, {})) == StatusCode::kPermissionDenied);
  CHECK(MustReadHead(*store) == Revision{2});
}

TEMPLATE_LIST_TEST_CASE("a request id stands for all of the change but where it came from",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const ChangeSet first = WithId(Changes({Cluster("a"), Cluster("b")}), "r1");
  MustCommit(*store, first);
  std::vector<ChangeSet> others(7, first);
  others[0].message = "another message";
  others[1].kind = RevisionKind::kImport;
  others[2].upserts[0].record.body = "other";
  others[3].upserts[0].record.labels = {{"k", "v"}};
  others[4].upserts[1].key.name = "c";
  others[5].upserts.pop_back();
  others[6].removals = {ClusterKey("z")};
  for (const ChangeSet& other : others) {
    CHECK(CodeOf(CommitOnHead(*store, other)) == StatusCode::kInvalidArgument);
  }
  ChangeSet elsewhere = first;
  elsewhere.source = "10.0.0.1";
  CHECK(CommitOnHead(*store, elsewhere)->outcome == Outcome::kRepeated);
  CHECK(MustReadHead(*store) == Revision{1});
}

TEMPLATE_LIST_TEST_CASE("a request id that was used otherwise still stands for the first request",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const ChangeSet first = WithId(Changes({Cluster("a")}), "r1");
  MustCommit(*store, first);
  CHECK_FALSE(CommitOnHead(*store, WithId(Changes({Cluster("b")}), "r1")).ok());
  const auto again = CommitOnHead(*store, first);
  REQUIRE(again.ok());
  CHECK(again->outcome == Outcome::kRepeated);
  CHECK(again->revision == Revision{1});
  CHECK(store->FindRequest("alice", "r1").value() == Revision{1});
}

TEMPLATE_LIST_TEST_CASE("a retry does not lengthen the life of its request id", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const ChangeSet first = WithId(Changes({Cluster("a")}), "r1");
  MustCommit(*store, first);
  fixture.clock.Advance(limits::kRequestIdKept - absl::Hours(1));
  CHECK(CommitOnHead(*store, first)->outcome == Outcome::kRepeated);
  fixture.clock.Advance(absl::Hours(1));
  CHECK(store->FindRequest("alice", "r1").value() == std::nullopt);
  CHECK(CommitOnHead(*store, first)->outcome == Outcome::kUnchanged);
}

TEMPLATE_LIST_TEST_CASE("a request id that came back after its time stands for the later request",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, WithId(Changes({Cluster("a")}), "r1"));
  fixture.clock.Advance(limits::kRequestIdKept);
  const ChangeSet later = WithId(Changes({Cluster("b")}), "r1");
  MustCommit(*store, later);
  CHECK(store->FindRequest("alice", "r1").value() == Revision{2});
  fixture.clock.Advance(limits::kRequestIdKept - absl::Milliseconds(1));
  CHECK(CommitOnHead(*store, later)->outcome == Outcome::kRepeated);
  CHECK(CodeOf(CommitOnHead(*store, WithId(Changes({Cluster("a")}), "r1"))) ==
        StatusCode::kInvalidArgument);
}

TEMPLATE_LIST_TEST_CASE("old request ids are cleared away as new ones come", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  for (int i = 0; i < 4; ++i) {
    MustCommit(*store, WithId(Changes({Cluster("a", std::to_string(i))}), std::to_string(i)));
  }
  CHECK(fixture.Execute("SELECT count(*) FROM $request") == "4");
  fixture.clock.Advance(limits::kRequestIdKept);
  for (int i = 4; i < 8; ++i) {
    MustCommit(*store, WithId(Changes({Cluster("a", std::to_string(i))}), std::to_string(i)));
  }
  CHECK(fixture.Execute("SELECT count(*) FROM $request") == "4");
}

TEMPLATE_LIST_TEST_CASE("requests without an id are never taken for one another", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  CHECK(MustCommit(*store, Changes({Cluster("b")})) == Revision{2});
  MustCommit(*store, Changes({}, {ClusterKey("a")}));
  CHECK(MustCommit(*store, Changes({Cluster("a")})) == Revision{4});
  CHECK(store->FindRequest("alice", "").value() == std::nullopt);
}

TEMPLATE_LIST_TEST_CASE("a retry is known again in a new epoch", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const ChangeSet first = WithId(Changes({Cluster("a")}), "r1");
  MustCommit(*store, first);
  REQUIRE(store->StartEpoch({.principal = "alice", .action = "restore"}).ok());
  const auto again = CommitOnHead(*store, first);
  REQUIRE(again.ok());
  CHECK(again->outcome == Outcome::kRepeated);
  CHECK(again->revision == Revision{1});
}

TEMPLATE_LIST_TEST_CASE("an etag of an epoch before is refused, whatever its number", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  Preconditions etag = Unchanged("a", 1);
  etag.epoch = store->ReadHead()->epoch;
  REQUIRE(store->StartEpoch({.principal = "alice", .action = "restore"}).ok());
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("a", "2")}), etag)) == StatusCode::kAborted);
  etag.epoch = store->ReadHead()->epoch;
  CHECK(CommitOnHead(*store, Changes({Cluster("a", "2")}), etag).ok());
}

}  // namespace
}  // namespace signalbox::testing
