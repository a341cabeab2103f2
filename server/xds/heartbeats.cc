#include "server/xds/heartbeats.h"

#include <utility>

#include "server/xds/limits.h"

namespace signalbox {
namespace {

// As long as the time to live is not over.
constexpr int kTellsWithinTtl = 3;

}  // namespace

void Heartbeats::OnTold(const ResourceType& type, const Fragment& fragment, absl::Time now) {
  const absl::Duration ttl = fragment.settings().ttl;
  if (ttl == absl::ZeroDuration()) return;
  told_[&type][fragment.name()] = now;
  next_ = std::min(next_, now + ttl / kTellsWithinTtl);
}

bool Heartbeats::IsDue(const ResourceType& type, const Fragment& fragment, absl::Time now) {
  const absl::Duration ttl = fragment.settings().ttl;
  if (ttl == absl::ZeroDuration()) return false;
  const auto& told = told_[&type];
  const auto last = told.find(fragment.name());
  if (last == told.end()) return true;
  const absl::Time due = last->second + ttl / kTellsWithinTtl;
  if (due > now) next_ = std::min(next_, due);
  return due <= now;
}

void Heartbeats::OnSent(const std::string& nonce, const ResourceType& type,
                        std::vector<std::string> names) {
  unanswered_.push_back({nonce, &type, std::move(names)});
  if (unanswered_.size() > limits::kMaxUnansweredHeartbeats) unanswered_.pop_front();
}

std::vector<std::string> Heartbeats::TakeAnswered(const ResourceType& type,
                                                  absl::string_view nonce) {
  const auto found =
      std::find_if(unanswered_.begin(), unanswered_.end(), [&](const Unanswered& heartbeat) {
        return heartbeat.nonce == nonce && heartbeat.type == &type;
      });
  if (found == unanswered_.end()) return {};
  std::vector<std::string> names = std::move(found->names);
  unanswered_.erase(found);
  return names;
}

}  // namespace signalbox
