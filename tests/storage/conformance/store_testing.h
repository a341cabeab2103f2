#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "storage/judge.h"
#include "storage/resource_store.h"

// What tests of any ResourceStore say often.
namespace signalbox::testing {

// A judge that says the same always and remembers nothing.
class FixedJudge : public Judge {
 public:
  explicit FixedJudge(absl::Status verdict) : verdict_(std::move(verdict)) {}
  absl::Status Check(Revision, absl::Span<const RevisionChanges>, const ChangeSet&) const override {
    return verdict_;
  }

 private:
  const absl::Status verdict_;
};

inline const Judge& AcceptAll() {
  static const FixedJudge judge{absl::OkStatus()};
  return judge;
}

inline ResourceKey ClusterKey(absl::string_view name) {
  return {.namespace_name = "default", .type = "cluster", .name = std::string(name)};
}

inline Upsert Cluster(absl::string_view name, absl::string_view body = "body") {
  return {.key = ClusterKey(name), .record = {.body = std::string(body)}};
}

inline ChangeSet Changes(std::vector<Upsert> upserts, std::vector<ResourceKey> removals = {}) {
  return {.upserts = std::move(upserts),
          .removals = std::move(removals),
          .author = "alice",
          .message = "a change"};
}

// Commits on the head as it is now.
inline absl::StatusOr<Committed> CommitOnHead(ResourceStore& store, const ChangeSet& changes,
                                              const Preconditions& preconditions = {}) {
  const absl::StatusOr<Head> head = store.ReadHead();
  if (!head.ok()) return head.status();
  return store.Commit(changes, head->revision, AcceptAll(), preconditions);
}

// The revision that it made.
inline Revision MustCommit(ResourceStore& store, const ChangeSet& changes) {
  const absl::StatusOr<Committed> committed = CommitOnHead(store, changes);
  SB_CHECK(committed.ok());
  SB_CHECK(committed->outcome == Committed::Outcome::kNewRevision);
  return committed->revision;
}

inline Revision MustReadHead(ResourceStore& store) {
  const absl::StatusOr<Head> head = store.ReadHead();
  SB_CHECK(head.ok());
  return head->revision;
}

// The names at the head, in order.
inline std::vector<std::string> NamesAtHead(ResourceStore& store) {
  const absl::StatusOr<HeadState> state = store.LoadHead();
  SB_CHECK(state.ok());
  std::vector<std::string> names;
  for (const Resource& resource : state->resources) names.push_back(resource.key.name);
  return names;
}

}  // namespace signalbox::testing
