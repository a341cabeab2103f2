// What Commit promises, of every store.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/hash.h"
#include "storage/limits.h"
#include "storage/resource_store.h"
#include "tests/storage/conformance/store_fixtures.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox::testing {
namespace {

using Outcome = Committed::Outcome;

// Remembers what it was asked.
class RecordingJudge : public Judge {
 public:
  absl::Status Check(Revision judged_on, absl::Span<const RevisionChanges> since,
                     const ChangeSet&) const override {
    ++asked;
    last_judged_on = judged_on;
    seen.clear();
    for (const RevisionChanges& changes : since) seen.push_back(changes.info.revision.number);
    return absl::OkStatus();
  }
  mutable int asked = 0;
  mutable Revision last_judged_on;
  mutable std::vector<int64_t> seen;
};

absl::StatusCode CodeOf(const absl::StatusOr<Committed>& committed) {
  return committed.status().code();
}

TEMPLATE_LIST_TEST_CASE("a new store is empty at revision 0 with a name and an epoch of its own",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const auto head = store->ReadHead();
  REQUIRE(head.ok());
  CHECK(head->revision == Revision{0});
  CHECK(head->digest == Digest{});
  CHECK(head->store_id.size() == 32);
  CHECK(head->epoch != 0);
  CHECK(NamesAtHead(*store).empty());
  CHECK(store->Info().schema_version > 0);
  CHECK(store->Info().driver == TestType::kDriver);
}

TEMPLATE_LIST_TEST_CASE("what is committed is read back whole", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Upsert upsert = Cluster("a", std::string("\0\xff body", 7));
  upsert.record.targets = {"east", "west"};
  upsert.record.labels = {{"team", "shop \"one\"\n"}, {"tier", "Grüße"}};
  upsert.record.annotations = {{"why", "\\ tab\t"}};
  upsert.record.owner = "ci";
  upsert.record.source = "shop.yaml:7";
  const auto committed = CommitOnHead(*store, Changes({upsert, Cluster("b", "")}));
  REQUIRE(committed.ok());
  CHECK(committed->revision == Revision{1});
  CHECK(committed->outcome == Outcome::kNewRevision);
  CHECK(committed->created == 2);

  const auto read = store->Get(upsert.key);
  REQUIRE(read.ok());
  CHECK(*read->record == upsert.record);
  CHECK(read->record_hash == upsert.record.Hash());
  CHECK(read->body_hash == Sha256(upsert.record.body));
  CHECK(read->changed_in == Revision{1});
  const auto state = store->LoadHead();
  REQUIRE(state.ok());
  REQUIRE(state->resources.size() == 2);
  CHECK(*state->resources[0].record == upsert.record);
  CHECK(state->resources[1].record->body.empty());
  CHECK(state->head.revision == Revision{1});
}

TEMPLATE_LIST_TEST_CASE("resources are sorted by the bytes of their keys", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("ä"), Cluster("b"), Cluster("B"), Cluster("a"),
                              Cluster("a-b"), Cluster("")}));
  CHECK(NamesAtHead(*store) == std::vector<std::string>{"", "B", "a", "a-b", "b", "ä"});
  MustCommit(*store, Changes({Cluster("A"), Cluster("b", "later")}));
  CHECK(NamesAtHead(*store) == std::vector<std::string>{"", "A", "B", "a", "a-b", "b", "ä"});
}

TEMPLATE_LIST_TEST_CASE("revisions are contiguous", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  for (int i = 1; i <= 20; ++i) {
    CHECK(MustCommit(*store, Changes({Cluster("a", std::to_string(i))})) == Revision{i});
    CHECK(MustReadHead(*store) == Revision{i});
  }
}

TEMPLATE_LIST_TEST_CASE("one bad change keeps all of a change set out", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("b"), Cluster("a", "other")},
                                            {ClusterKey("z")}))) == absl::StatusCode::kNotFound);
  CHECK(MustReadHead(*store) == Revision{1});
  CHECK(NamesAtHead(*store) == std::vector<std::string>{"a"});
  CHECK(store->Get(ClusterKey("a"))->record->body == "body");
}

TEMPLATE_LIST_TEST_CASE(
    "creating, updating and removing are counted, and what is the same stays out", "[store]",
    StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a"), Cluster("b"), Cluster("c")}));
  const auto committed = CommitOnHead(
      *store, Changes({Cluster("a"), Cluster("b", "other"), Cluster("d")}, {ClusterKey("c")}));
  REQUIRE(committed.ok());
  CHECK(committed->created == 1);
  CHECK(committed->updated == 1);
  CHECK(committed->removed == 1);
  CHECK(committed->unchanged == 1);
  CHECK(store->Get(ClusterKey("a"))->changed_in == Revision{1});
  const auto changes = store->ChangesSince(Revision{1});
  REQUIRE(changes.ok());
  REQUIRE(changes->size() == 1);
  REQUIRE(changes->front().upserts.size() == 2);
  CHECK(changes->front().upserts[0].key == ClusterKey("b"));
  CHECK(changes->front().upserts[1].key == ClusterKey("d"));
  CHECK(changes->front().removals == std::vector<ResourceKey>{ClusterKey("c")});
  CHECK(NamesAtHead(*store) == std::vector<std::string>{"a", "b", "d"});
}

TEMPLATE_LIST_TEST_CASE("a resource that was removed can come back with the same content",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Upsert labelled = Cluster("a");
  labelled.record.labels = {{"team", "shop"}};
  MustCommit(*store, Changes({labelled}));
  MustCommit(*store, Changes({}, {ClusterKey("a")}));
  CHECK(store->Get(ClusterKey("a")).status().code() == absl::StatusCode::kNotFound);
  MustCommit(*store, Changes({labelled}));
  CHECK(store->Get(ClusterKey("a"))->changed_in == Revision{3});
}

TEMPLATE_LIST_TEST_CASE("an apply that changes nothing makes no revision", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a"), Cluster("b")}));
  const FixedJudge never(absl::InternalError("asked for nothing"));
  const auto committed =
      store->Commit(Changes({Cluster("b"), Cluster("a")}), Revision{0}, never, {});
  REQUIRE(committed.ok());
  CHECK(committed->outcome == Outcome::kUnchanged);
  CHECK(committed->revision == Revision{1});
  CHECK(committed->unchanged == 2);
  CHECK(CommitOnHead(*store, Changes({}))->outcome == Outcome::kUnchanged);
  CHECK(MustReadHead(*store) == Revision{1});
}

TEMPLATE_LIST_TEST_CASE("any part of a record makes it another record", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Upsert upsert = Cluster("a");
  MustCommit(*store, Changes({upsert}));
  upsert.record.labels["k"] = "v";
  MustCommit(*store, Changes({upsert}));
  upsert.record.source = "other.yaml:1";
  MustCommit(*store, Changes({upsert}));
  CHECK(MustReadHead(*store) == Revision{3});
}

TEMPLATE_LIST_TEST_CASE("a stale expected revision writes nothing", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  const auto refused =
      CommitOnHead(*store, Changes({Cluster("b")}), {.expected_revision = Revision{0}});
  CHECK(CodeOf(refused) == absl::StatusCode::kFailedPrecondition);
  CHECK(MustReadHead(*store) == Revision{1});
  CHECK(CommitOnHead(*store, Changes({Cluster("b")}), {.expected_revision = Revision{1}}).ok());
}

TEMPLATE_LIST_TEST_CASE("an etag holds only while the resource is as it was read", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  MustCommit(*store, Changes({Cluster("a", "second")}));
  const auto with = [&](const char* name, int64_t revision, const char* body) {
    Preconditions preconditions;
    preconditions.expected_changes[ClusterKey(name)] = Revision{revision};
    return CodeOf(CommitOnHead(*store, Changes({Cluster(name, body)}), preconditions));
  };
  CHECK(with("a", 1, "third") == absl::StatusCode::kFailedPrecondition);
  CHECK(with("a", 0, "third") == absl::StatusCode::kFailedPrecondition);
  CHECK(with("new", 2, "third") == absl::StatusCode::kFailedPrecondition);
  CHECK(MustReadHead(*store) == Revision{2});
  CHECK(with("a", 2, "third") == absl::StatusCode::kOk);
  CHECK(with("new", 0, "first") == absl::StatusCode::kOk);
  MustCommit(*store, Changes({}, {ClusterKey("a")}));
  CHECK(with("a", 3, "again") == absl::StatusCode::kFailedPrecondition);
  CHECK(with("a", 0, "again") == absl::StatusCode::kOk);
}

TEMPLATE_LIST_TEST_CASE("a retry with the same request id returns the first one's revision",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  ChangeSet changes = Changes({Cluster("a")});
  changes.request_id = "r1";
  MustCommit(*store, changes);
  MustCommit(*store, Changes({Cluster("a", "later")}));
  // Even with a precondition that no longer holds and a judge that would refuse.
  const auto again = store->Commit(changes, Revision{0}, FixedJudge(absl::InternalError("asked")),
                                   {.expected_revision = Revision{0}});
  REQUIRE(again.ok());
  CHECK(again->outcome == Outcome::kRepeated);
  CHECK(again->revision == Revision{1});
  CHECK(store->Get(ClusterKey("a"))->record->body == "later");
  CHECK(MustReadHead(*store) == Revision{2});
}

TEMPLATE_LIST_TEST_CASE("a request id belongs to its author and its content", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  ChangeSet changes = Changes({Cluster("a")});
  changes.request_id = "r1";
  MustCommit(*store, changes);
  ChangeSet other = Changes({Cluster("b")});
  other.request_id = "r1";
  CHECK(CodeOf(CommitOnHead(*store, other)) == absl::StatusCode::kInvalidArgument);
  CHECK(MustReadHead(*store) == Revision{1});
  other.author = "bob";
  CHECK(CommitOnHead(*store, other)->outcome == Outcome::kNewRevision);
}

TEMPLATE_LIST_TEST_CASE("a request id is forgotten after 24 hours", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  ChangeSet changes = Changes({Cluster("a")});
  changes.request_id = "r1";
  MustCommit(*store, changes);
  ChangeSet other = Changes({Cluster("b")});
  other.request_id = "r1";
  fixture.clock.Advance(limits::kRequestIdKept - absl::Seconds(1));
  CHECK(CodeOf(CommitOnHead(*store, other)) == absl::StatusCode::kInvalidArgument);
  fixture.clock.Advance(absl::Seconds(1));
  CHECK(CommitOnHead(*store, other)->outcome == Outcome::kNewRevision);
  CHECK(CommitOnHead(*store, other)->outcome == Outcome::kRepeated);
}

TEMPLATE_LIST_TEST_CASE("an apply that changes nothing records its request id", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  ChangeSet same = Changes({Cluster("a")});
  same.request_id = "r1";
  CHECK(CommitOnHead(*store, same)->outcome == Outcome::kUnchanged);
  MustCommit(*store, Changes({Cluster("a", "later")}));
  const auto again = CommitOnHead(*store, same);
  REQUIRE(again.ok());
  CHECK(again->outcome == Outcome::kRepeated);
  CHECK(again->revision == Revision{1});
  CHECK(store->Get(ClusterKey("a"))->record->body == "later");
}

TEMPLATE_LIST_TEST_CASE("a refused commit does not use up its request id", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  ChangeSet changes = Changes({Cluster("a")});
  changes.request_id = "r1";
  CHECK(!CommitOnHead(*store, changes, {.expected_revision = Revision{9}}).ok());
  CHECK(CommitOnHead(*store, changes)->outcome == Outcome::kNewRevision);
}

TEMPLATE_LIST_TEST_CASE("a key may stand in a change set only once", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("a"), Cluster("a", "x")}))) ==
        absl::StatusCode::kInvalidArgument);
  CHECK(CodeOf(CommitOnHead(*store, Changes({Cluster("a")}, {ClusterKey("a")}))) ==
        absl::StatusCode::kInvalidArgument);
  CHECK(MustReadHead(*store) == Revision{0});
}

TEMPLATE_LIST_TEST_CASE("what is larger than a limit is refused and what is at the limit is not",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const auto code = [&](const ChangeSet& changes) { return CodeOf(CommitOnHead(*store, changes)); };
  CHECK(code(Changes({Cluster("a", std::string(limits::kMaxBodyBytes + 1, 'x'))})) ==
        absl::StatusCode::kInvalidArgument);
  CHECK(code(Changes({Cluster(std::string(limits::kMaxNameBytes + 1, 'x'))})) ==
        absl::StatusCode::kInvalidArgument);
  ChangeSet changes = Changes({Cluster("a")});
  changes.message = std::string(limits::kMaxMessageBytes + 1, 'x');
  CHECK(code(changes) == absl::StatusCode::kInvalidArgument);
  changes = Changes({Cluster("a")});
  changes.request_id = std::string(limits::kMaxRequestIdBytes + 1, 'x');
  CHECK(code(changes) == absl::StatusCode::kInvalidArgument);
  changes = Changes({Cluster("a")});
  changes.upserts[0].record.annotations["k"] = std::string(limits::kMaxMetadataBytes, 'x');
  CHECK(code(changes) == absl::StatusCode::kInvalidArgument);
  changes = Changes({});
  for (size_t i = 0; i <= limits::kMaxChangesPerCommit; ++i)
    changes.upserts.push_back(Cluster(std::to_string(i)));
  CHECK(code(changes) == absl::StatusCode::kInvalidArgument);
  changes = Changes({});
  const std::string large(limits::kMaxBodyBytes, 'x');
  for (size_t i = 0; i <= limits::kMaxCommitBytes / limits::kMaxBodyBytes; ++i) {
    changes.upserts.push_back(Cluster(std::to_string(i), large));
  }
  CHECK(code(changes) == absl::StatusCode::kInvalidArgument);
  CHECK(MustReadHead(*store) == Revision{0});

  for (std::string ResourceKey::*part : {&ResourceKey::namespace_name, &ResourceKey::type}) {
    changes = Changes({Cluster("a")});
    changes.upserts[0].key.*part = std::string(limits::kMaxScopeBytes + 1, 'x');
    CHECK(code(changes) == absl::StatusCode::kInvalidArgument);
  }

  // Characters that an index cannot compress.
  auto any = [state = uint32_t{1}](size_t size) mutable {
    std::string text;
    while (text.size() < size) {
      state = state * 1664525 + 1013904223;
      text.push_back(static_cast<char>('!' + (state >> 24) % 90));
    }
    return text;
  };
  Upsert largest = Cluster("", large);
  largest.key = {.namespace_name = any(limits::kMaxScopeBytes),
                 .type = any(limits::kMaxScopeBytes),
                 .name = any(limits::kMaxNameBytes)};
  changes = Changes({largest});
  changes.author = any(limits::kMaxNameBytes);
  changes.message = std::string(limits::kMaxMessageBytes, 'x');
  changes.request_id = std::string(limits::kMaxRequestIdBytes, 'x');
  CHECK(code(changes) == absl::StatusCode::kOk);
}

TEMPLATE_LIST_TEST_CASE("text with NUL or invalid UTF-8 is refused wherever it stands", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const std::string bad = GENERATE(std::string("a\0b", 3), std::string("\xff"),
                                   std::string("\xc0\xaf"), std::string("\xed\xa0\x80"),
                                   std::string("\xf4\x90\x80\x80"), std::string("\xe2\x82"));
  const auto code = [&](const ChangeSet& changes) { return CodeOf(CommitOnHead(*store, changes)); };
  CHECK(code(Changes({Cluster(bad)})) == absl::StatusCode::kInvalidArgument);
  CHECK(code(Changes({}, {ClusterKey(bad)})) == absl::StatusCode::kInvalidArgument);
  Upsert upsert = Cluster("a");
  upsert.key.namespace_name = bad;
  CHECK(code(Changes({upsert})) == absl::StatusCode::kInvalidArgument);
  upsert = Cluster("a");
  upsert.key.type = bad;
  CHECK(code(Changes({upsert})) == absl::StatusCode::kInvalidArgument);
  for (int part = 0; part < 7; ++part) {
    upsert = Cluster("a");
    Record& record = upsert.record;
    if (part == 0) record.targets = {bad};
    if (part == 1) record.labels[bad] = "v";
    if (part == 2) record.labels["k"] = bad;
    if (part == 3) record.annotations[bad] = "v";
    if (part == 4) record.annotations["k"] = bad;
    if (part == 5) record.owner = bad;
    if (part == 6) record.source = bad;
    CHECK(code(Changes({upsert})) == absl::StatusCode::kInvalidArgument);
  }
  for (int part = 0; part < 3; ++part) {
    ChangeSet changes = Changes({Cluster("a")});
    (part == 0 ? changes.author : part == 1 ? changes.message : changes.request_id) = bad;
    CHECK(code(changes) == absl::StatusCode::kInvalidArgument);
  }
  CHECK(MustReadHead(*store) == Revision{0});
  CHECK(code(Changes({Cluster("ключ-€-𝄞", bad)})) == absl::StatusCode::kOk);
}

TEMPLATE_LIST_TEST_CASE(
    "the judge is asked again only when the head has moved, and sees what was between", "[store]",
    StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  const RecordingJudge judge;
  CHECK(store->Commit(Changes({Cluster("b")}), Revision{1}, judge, {}).ok());
  CHECK(judge.asked == 0);
  MustCommit(*store, Changes({Cluster("c")}));
  CHECK(store->Commit(Changes({Cluster("d")}), Revision{1}, judge, {}).ok());
  CHECK(judge.asked == 1);
  CHECK(judge.last_judged_on == Revision{1});
  CHECK(judge.seen == std::vector<int64_t>{2, 3});
}

TEMPLATE_LIST_TEST_CASE("a judge that refuses keeps the change out, and its words come back",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  const auto refused =
      store->Commit(Changes({}, {ClusterKey("a")}), Revision{0},
                    FixedJudge(absl::InvalidArgumentError("route r names cluster a")), {});
  CHECK(refused.status() == absl::InvalidArgumentError("route r names cluster a"));
  CHECK(MustReadHead(*store) == Revision{1});
}

TEMPLATE_LIST_TEST_CASE(
    "a change judged on a revision that the store does not have is to be judged again", "[store]",
    StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  CHECK(CodeOf(store->Commit(Changes({Cluster("b")}), Revision{5}, AcceptAll(), {})) ==
        absl::StatusCode::kAborted);
  CHECK(CodeOf(store->Commit(Changes({Cluster("b")}), Revision{-1}, AcceptAll(), {})) ==
        absl::StatusCode::kAborted);
  CHECK(MustReadHead(*store) == Revision{1});
}

TEMPLATE_LIST_TEST_CASE("four writers at once make contiguous revisions and lose nothing",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  constexpr int kWriters = 4;
  constexpr int kEach = 25;
  std::vector<std::vector<int64_t>> made(kWriters);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < kEach; ++i) {
        const auto committed =
            CommitOnHead(*store, Changes({Cluster("w" + std::to_string(w), std::to_string(i))}));
        if (committed.ok()) made[w].push_back(committed->revision.number);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::vector<int64_t> all;
  for (const auto& revisions : made) {
    CHECK(std::is_sorted(revisions.begin(), revisions.end()));
    all.insert(all.end(), revisions.begin(), revisions.end());
  }
  std::sort(all.begin(), all.end());
  REQUIRE(all.size() == kWriters * kEach);
  for (size_t i = 0; i < all.size(); ++i) CHECK(all[i] == static_cast<int64_t>(i) + 1);
  const auto changes = store->ChangesSince(Revision{0});
  REQUIRE(changes.ok());
  CHECK(changes->size() == kWriters * kEach);
}

TEMPLATE_LIST_TEST_CASE(
    "names that differ in case, in form, by a space or in their part are others", "[store]",
    StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  std::vector<Upsert> upserts;
  for (const char* name : {"a", "A", "a ", " a", "\u00e9", "e\u0301", "stra\u00dfe", "strasse",
                           "\uff41", "a\u200b", "1", "01"}) {
    upserts.push_back(Cluster(name, name));
  }
  upserts.push_back({.key = {"a", "b", "c"}, .record = {.body = "abc"}});
  upserts.push_back({.key = {"a", "c", "b"}, .record = {.body = "acb"}});
  upserts.push_back({.key = {"ab", "", "c"}, .record = {.body = "ab-c"}});
  upserts.push_back({.key = {"", "ab", "c"}, .record = {.body = "-abc"}});
  CHECK(CommitOnHead(*store, Changes(upserts))->created == static_cast<int>(upserts.size()));
  for (const Upsert& upsert : upserts) {
    const auto read = store->Get(upsert.key);
    REQUIRE(read.ok());
    CHECK(read->record->body == upsert.record.body);
  }
}

TEMPLATE_LIST_TEST_CASE("each kind of revision comes back and names its event", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const std::vector<std::pair<RevisionKind, std::string>> kinds = {
      {RevisionKind::kApply, "apply"},
      {RevisionKind::kRollback, "rollback"},
      {RevisionKind::kImport, "import"},
      {RevisionKind::kRestore, "restore"}};
  for (const auto& [kind, name] : kinds) {
    ChangeSet changes = Changes({Cluster("a", name)});
    changes.kind = kind;
    const Revision made = MustCommit(*store, changes);
    CHECK(store->GetRevision(made)->kind == kind);
    CHECK(store->ReadOutbox({}, 10)->back().event.action == name);
  }
}

TEMPLATE_LIST_TEST_CASE("a clock that goes back holds up nothing", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  fixture.clock.Advance(-absl::Hours(48));
  CHECK(MustCommit(*store, Changes({Cluster("b")})) == Revision{2});
  CHECK(store->GetRevision(Revision{2})->time ==
        store->GetRevision(Revision{1})->time - absl::Hours(48));
  CHECK(store->ChangesSince(Revision{0})->size() == 2);
}

TEMPLATE_LIST_TEST_CASE("the judge is shown what was changed since, content and removals",
                        "[store]", StoreFixtures) {
  class ContentJudge : public Judge {
   public:
    absl::Status Check(Revision, absl::Span<const RevisionChanges> since,
                       const ChangeSet& changes) const override {
      for (const RevisionChanges& revision : since) {
        for (const Resource& resource : revision.upserts) {
          seen += resource.key.name + "=" + resource.record->body + " ";
        }
        for (const ResourceKey& key : revision.removals) seen += "-" + key.name + " ";
      }
      seen += "then " + changes.upserts[0].key.name;
      return absl::OkStatus();
    }
    mutable std::string seen;
  };
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a", "1"), Cluster("b", "1")}));
  MustCommit(*store, Changes({Cluster("a", "2")}, {ClusterKey("b")}));
  MustCommit(*store, Changes({Cluster("c", "3")}));
  const ContentJudge judge;
  CHECK(store->Commit(Changes({Cluster("d")}), Revision{1}, judge, {}).ok());
  CHECK(judge.seen == "a=2 -b c=3 then d");
}

TEMPLATE_LIST_TEST_CASE("the judge is shown what was changed before the store was opened",
                        "[store]", StoreFixtures) {
  if constexpr (!TestType::kReopens) {
    WARN("n/a: nothing is kept");
  } else {
    TestType fixture;
    auto store = fixture.Open();
    for (int i = 0; i < 3; ++i) MustCommit(*store, Changes({Cluster("a", std::to_string(i))}));
    store.reset();
    store = fixture.Open();
    const RecordingJudge judge;
    CHECK(store->Commit(Changes({Cluster("b")}), Revision{1}, judge, {}).ok());
    CHECK(judge.seen == std::vector<int64_t>{2, 3});
    CHECK(store->Commit(Changes({Cluster("c")}), Revision{0}, judge, {}).ok());
    CHECK(judge.seen == std::vector<int64_t>{1, 2, 3, 4});
  }
}

}  // namespace
}  // namespace signalbox::testing
