#include "storage/recent_revisions.h"

#include <utility>

#include "base/check.h"
#include "storage/limits.h"

namespace signalbox {
namespace {

size_t BytesOf(const RevisionChanges& changes) {
  size_t bytes = 0;
  for (const Resource& resource : changes.upserts) bytes += resource.record->body.size();
  return bytes;
}

}  // namespace

void RecentRevisions::Reset(const Head& head) {
  head_ = head;
  revisions_.clear();
  bytes_ = 0;
}

std::optional<absl::Span<const RevisionChanges>> RecentRevisions::Since(Revision after) const {
  const int64_t count = head_.revision.number - after.number;
  if (count < 0 || count > static_cast<int64_t>(revisions_.size())) return std::nullopt;
  return absl::MakeConstSpan(revisions_).last(static_cast<size_t>(count));
}

void RecentRevisions::Append(RevisionChanges changes) {
  SB_CHECK(changes.info.revision == Next(head_.revision));
  head_.revision = changes.info.revision;
  head_.digest = changes.info.digest;
  bytes_ += BytesOf(changes);
  revisions_.push_back(std::move(changes));
}

void RecentRevisions::Trim() {
  // A quarter beyond the limit, so that moving the rest to the front is rare.
  constexpr size_t kSlack = limits::kMaxRecentRevisions / 4;
  if (revisions_.size() <= limits::kMaxRecentRevisions + kSlack &&
      bytes_ <= limits::kMaxRecentBytes) {
    return;
  }
  size_t drop = 0;
  while (drop < revisions_.size() && (revisions_.size() - drop > limits::kMaxRecentRevisions ||
                                      bytes_ > limits::kMaxRecentBytes)) {
    bytes_ -= BytesOf(revisions_[drop]);
    ++drop;
  }
  revisions_.erase(revisions_.begin(), revisions_.begin() + static_cast<ptrdiff_t>(drop));
}

}  // namespace signalbox
