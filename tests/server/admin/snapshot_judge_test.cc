#include "server/admin/snapshot_judge.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/admin/config.h"
#include "server/snapshot/snapshot.h"
#include "server/snapshot/snapshot_builder.h"
#include "server/types/references.h"
#include "tests/server/admin/admin_fixture.h"

namespace signalbox {
namespace {

using testing::AdminFixture;

// Serves the snapshot that the test set last.
class FixedSnapshots : public SnapshotReader {
 public:
  SnapshotPtr Current(const NodeGroupName& group) const override { return snapshot; }
  SnapshotPtr Watch(const NodeGroupName& group, std::weak_ptr<SnapshotWatcher> watcher) override {
    return snapshot;
  }

  SnapshotPtr snapshot;
};

struct JudgedFixture : AdminFixture {
  JudgedFixture() {
    references = std::make_unique<References>(descriptors.get());
    builder = std::make_unique<SnapshotBuilder>(&registry, references.get());
    source = JudgeBySnapshot(builder.get(), &snapshots, {"default", "default"}, store.get());
  }

  // Serves what the store holds now.
  void Publish() {
    snapshots.snapshot = *builder->Build({"default", "default"}, *store->LoadHead(), nullptr);
  }

  FixedSnapshots snapshots;
  std::unique_ptr<References> references;
  std::unique_ptr<SnapshotBuilder> builder;
  JudgeSource source;
};

TEST_CASE("nothing is judged before the first snapshot is there", "[admin]") {
  JudgedFixture fixture;
  CHECK(fixture.source().status().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("the judge stands on the store's head, however old the snapshot is", "[admin]") {
  JudgedFixture fixture;
  fixture.Publish();
  CHECK(fixture.source()->judged_on == Revision{0});
  fixture.MustApply(fixture.ApplyOf("cluster", "a", "{}"));
  fixture.MustApply(fixture.ApplyOf("cluster", "b", "{}"));
  CHECK(fixture.source()->judged_on == Revision{2});
  fixture.Publish();
  CHECK(fixture.source()->judged_on == Revision{2});
}

TEST_CASE("a snapshot of a history that is not the store's gives no judge", "[admin]") {
  JudgedFixture fixture;
  fixture.Publish();
  auto later = std::make_shared<Snapshot>(*fixture.snapshots.snapshot);
  later->revision = Revision{5};
  fixture.snapshots.snapshot = later;
  CHECK(fixture.source().status().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("a snapshot of another history with the same numbers gives no judge", "[admin]") {
  JudgedFixture fixture;
  fixture.MustApply(fixture.ApplyOf("cluster", "a", "{}"));
  fixture.Publish();
  fixture.MustApply(fixture.ApplyOf("cluster", "b", "{}"));
  auto other = std::make_shared<Snapshot>(*fixture.snapshots.snapshot);
  other->digest.bytes[0] ^= 1;
  fixture.snapshots.snapshot = other;
  CHECK(fixture.source().status().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("the judge says of which epoch its snapshot is", "[admin]") {
  JudgedFixture fixture;
  fixture.Publish();
  const uint64_t epoch = fixture.store->ReadHead()->epoch;
  REQUIRE(fixture.store->StartEpoch({.principal = "alice", .action = "adopt"}).ok());
  CHECK(fixture.source()->epoch == epoch);
  CHECK(epoch != fixture.store->ReadHead()->epoch);
}

TEST_CASE("a change that could not be published is refused with its resource", "[admin]") {
  JudgedFixture fixture;
  fixture.Publish();
  fixture.MustApply(fixture.ApplyOf("cluster", "a", "{}"));
  const Judging judging = *fixture.source();
  ChangeSet changes;
  changes.upserts.push_back({{"default", "cluster", "b"}, {.body = "no message"}});
  const absl::Status status = judging.judge->Check(judging.judged_on, {}, changes);
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK_THAT(std::string(status.message()), Catch::Contains("default/cluster/b"));
  changes.upserts[0].record.body =
      "\x0a\x01"
      "b";  // a Cluster with its name alone
  CHECK(judging.judge->Check(judging.judged_on, {}, changes).ok());
}

}  // namespace
}  // namespace signalbox
