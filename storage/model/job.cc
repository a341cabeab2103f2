#include "storage/model/job.h"

#include <algorithm>

namespace signalbox {
namespace {

constexpr absl::Duration kFirstBackoff = absl::Seconds(1);
constexpr absl::Duration kLongestBackoff = absl::Hours(1);

}  // namespace

absl::string_view JobStateName(JobState state) {
  switch (state) {
    case JobState::kPending:
      return "pending";
    case JobState::kRunning:
      return "running";
    case JobState::kDone:
      return "done";
    case JobState::kDead:
      return "dead";
  }
  return "unknown";
}

absl::Duration JobBackoff(int attempts) {
  const int doublings = std::clamp(attempts - 1, 0, 20);
  return std::min(kFirstBackoff * (int64_t{1} << doublings), kLongestBackoff);
}

}  // namespace signalbox
