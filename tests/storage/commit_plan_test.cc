#include "storage/commit_plan.h"

#include <catch2/catch.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/model/record_hasher.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox {
namespace {

using testing::AcceptAll;
using testing::Changes;
using testing::Cluster;
using testing::ClusterKey;
using Outcome = Committed::Outcome;

// Remembers the revisions that it was shown.
class WatchingJudge : public Judge {
 public:
  absl::Status Check(Revision, absl::Span<const RevisionChanges> since,
                     const ChangeSet&) const override {
    seen.clear();
    for (const RevisionChanges& changes : since) seen.push_back(changes.info.revision.number);
    ++asked;
    return absl::OkStatus();
  }
  mutable std::vector<int64_t> seen;
  mutable int asked = 0;
};

// A store at revision 10, of which everything since revision 5 is kept, with one cluster, "a".
class Setting {
 public:
  Setting() {
    facts.head = {.head = {.store_id = "s", .epoch = 7, .revision = {10}},
                  .oldest = Revision{5},
                  .outbox_seq = 30};
    facts.now = absl::FromUnixMillis(1234);
    facts.resources[ClusterKey("a")] = {.exists = true,
                                        .record_hash = Cluster("a").record.Hash(),
                                        .changed_in = Revision{6},
                                        .key_id = 3};
    recent.Reset(facts.head.head);
  }

  absl::StatusOr<Committed> Add(ChangeSet changes, Preconditions preconditions = {},
                                Revision judged_on = {10}, const Judge& judge = AcceptAll()) {
    if (planner == nullptr) {
      planner = std::make_unique<CommitPlanner>(
          facts, &recent, [this](Revision after) -> absl::StatusOr<std::vector<RevisionChanges>> {
            ++reads;
            std::vector<RevisionChanges> since;
            for (int64_t number = after.number + 1; number <= 10; ++number) {
              since.emplace_back().info.revision = Revision{number};
            }
            return since;
          });
    }
    Waiting& waiting = requests_.emplace_back();
    waiting.changes = std::move(changes);
    waiting.preconditions = std::move(preconditions);
    waiting.request =
        PrepareCommit(waiting.changes, judged_on, judge, waiting.preconditions, hasher_);
    return planner->Add(waiting.request);
  }

  CommitFacts facts;
  RecentRevisions recent;
  int reads = 0;
  std::unique_ptr<CommitPlanner> planner;

 private:
  struct Waiting {
    ChangeSet changes;
    Preconditions preconditions;
    CommitRequest request;
  };
  const PlainHasher hasher_;
  std::deque<Waiting> requests_;
};

ChangeSet WithId(ChangeSet changes, std::string id) {
  changes.request_id = std::move(id);
  return changes;
}

TEST_CASE("each request of a batch is decided on top of those before it") {
  Setting setting;
  CHECK(setting.Add(Changes({Cluster("b")}))->created == 1);
  CHECK(setting.Add(Changes({Cluster("b", "2")}))->updated == 1);
  CHECK(setting.Add(Changes({Cluster("b", "2")}))->outcome == Outcome::kUnchanged);
  CHECK(setting.Add(Changes({}, {ClusterKey("b")}))->removed == 1);
  CHECK(setting.Add(Changes({}, {ClusterKey("b")})).status().code() == absl::StatusCode::kNotFound);
  const CommitPlan& plan = setting.planner->plan();
  REQUIRE(plan.revisions.size() == 3);
  CHECK(plan.revisions[0].info.revision == Revision{11});
  CHECK(plan.revisions[2].info.revision == Revision{13});
  CHECK(plan.revisions[1].info.previous_digest == plan.revisions[0].info.digest);
  CHECK(plan.revisions[1].changes[0].existed);
  CHECK(plan.head.revision == Revision{13});
  CHECK(plan.head.digest == plan.revisions[2].info.digest);
}

TEST_CASE("a request that is refused leaves nothing behind") {
  Setting setting;
  CHECK_FALSE(setting.Add(WithId(Changes({Cluster("b")}, {ClusterKey("z")}), "r1")).ok());
  CHECK(setting.planner->plan().empty());
  CHECK(setting.Add(Changes({Cluster("b")}))->created == 1);
  CHECK(setting.planner->plan().revisions.size() == 1);
  CHECK(setting.planner->plan().requests.empty());
}

TEST_CASE("what is the same stays out of the revision") {
  Setting setting;
  const auto committed = setting.Add(Changes({Cluster("a"), Cluster("b")}));
  CHECK(committed->unchanged == 1);
  CHECK(committed->created == 1);
  const CommitPlan& plan = setting.planner->plan();
  REQUIRE(plan.revisions[0].changes.size() == 1);
  CHECK(*plan.revisions[0].changes[0].change->key == ClusterKey("b"));
}

TEST_CASE("a request id that two requests of one batch share makes one revision") {
  Setting setting;
  CHECK(setting.Add(WithId(Changes({Cluster("b")}), "r1"))->outcome == Outcome::kNewRevision);
  const auto again = setting.Add(WithId(Changes({Cluster("b")}), "r1"));
  CHECK(again->outcome == Outcome::kRepeated);
  CHECK(again->revision == Revision{11});
  CHECK(setting.Add(WithId(Changes({Cluster("c")}), "r1")).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(setting.planner->plan().requests.size() == 1);
}

TEST_CASE("preconditions are held against the tentative head") {
  Setting setting;
  CHECK(setting.Add(Changes({Cluster("a", "2")}), {.expected_revision = Revision{10}}).ok());
  CHECK(setting.Add(Changes({Cluster("b")}), {.expected_revision = Revision{10}}).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  CHECK(setting.Add(Changes({Cluster("b")}), {.expected_changes = {{ClusterKey("a"), {6}}}})
            .status()
            .code() == absl::StatusCode::kFailedPrecondition);
  CHECK(setting.Add(Changes({Cluster("b")}), {.expected_changes = {{ClusterKey("a"), {11}}}}).ok());
  CHECK(setting.Add(Changes({Cluster("c")}), {.expected_changes = {{ClusterKey("c"), {0}}}}).ok());
}

TEST_CASE("a precondition of another epoch is refused, whatever else it says") {
  Setting setting;
  CHECK(setting.Add(Changes({Cluster("b")}), {.epoch = 8}).status().code() ==
        absl::StatusCode::kAborted);
  CHECK(setting.Add(Changes({Cluster("b")}), {.epoch = 7}).ok());
}

TEST_CASE("a judge on the head is not asked, one behind it sees what is between") {
  Setting setting;
  WatchingJudge judge;
  CHECK(setting.Add(Changes({Cluster("b")}), {}, Revision{10}, judge).ok());
  CHECK(judge.asked == 0);
  CHECK(setting.Add(Changes({Cluster("c")}), {}, Revision{10}, judge).ok());
  CHECK(judge.seen == std::vector<int64_t>{11});
  CHECK(setting.reads == 0);
  CHECK(setting.Add(Changes({Cluster("d")}), {}, Revision{8}, judge).ok());
  CHECK(judge.seen == std::vector<int64_t>{9, 10, 11, 12});
  CHECK(setting.reads == 1);
}

TEST_CASE("a judge below the history or above the head is sent back") {
  Setting setting;
  CHECK(setting.Add(Changes({Cluster("b")}), {}, Revision{4}).ok());
  CHECK(setting.Add(Changes({Cluster("c")}), {}, Revision{3}).status().code() ==
        absl::StatusCode::kAborted);
  CHECK(setting.Add(Changes({Cluster("c")}), {}, Revision{11}).status().code() ==
        absl::StatusCode::kAborted);
  CHECK(setting.planner->plan().revisions.size() == 1);
}

TEST_CASE("each revision has one row in the outbox, numbered on") {
  Setting setting;
  CHECK(setting.Add(Changes({Cluster("b"), Cluster("c")})).ok());
  CHECK(setting.Add(Changes({Cluster("c", "2")})).ok());
  CHECK(setting.Add(Changes({Cluster("c", "2")})).ok());
  const std::vector<OutboxRow>& outbox = setting.planner->plan().outbox;
  REQUIRE(outbox.size() == 2);
  CHECK(outbox[0].seq == 31);
  CHECK(outbox[0].epoch == 7);
  CHECK(outbox[0].event.resource.empty());
  CHECK(outbox[1].seq == 32);
  CHECK(outbox[1].event.resource == "default/cluster/c");
  CHECK(outbox[1].event.time == absl::FromUnixMillis(1234));
}

TEST_CASE("a key keeps its number, and a new one has none yet") {
  Setting setting;
  CHECK(setting.Add(Changes({Cluster("a", "2"), Cluster("b")})).ok());
  CHECK(setting.Add(Changes({Cluster("b", "2")})).ok());
  const CommitPlan& plan = setting.planner->plan();
  CHECK(plan.revisions[0].changes[0].key_id == 3);
  CHECK(plan.revisions[0].changes[1].key_id == 0);
  CHECK(plan.revisions[1].changes[0].key_id == 0);
}

}  // namespace
}  // namespace signalbox
