#include "storage/check_job.h"

#include "base/status_macros.h"
#include "storage/check_lease.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"

namespace signalbox {

absl::Status CheckJobSpec(const JobSpec& spec) {
  if (spec.kind.empty()) return errors::Missing("a job's kind");
  SB_RETURN_IF_ERROR(CheckText("a job's kind", spec.kind, limits::kMaxNameBytes));
  SB_RETURN_IF_ERROR(CheckText("a job's unique key", spec.unique_key, limits::kMaxNameBytes));
  if (spec.payload.size() > limits::kMaxPayloadBytes) {
    return errors::TooLarge("a job's payload", spec.payload.size(), limits::kMaxPayloadBytes);
  }
  if (spec.max_attempts < 1 || spec.max_attempts > limits::kMaxAttempts) {
    return errors::NotWithin("a job's attempts", "1 to 100");
  }
  if (spec.run_at == absl::InfinitePast()) return absl::OkStatus();
  return CheckTime("a job's run_at", spec.run_at);
}

absl::Status CheckJobClaim(absl::string_view worker, absl::Duration lease,
                           const std::vector<std::string>& kinds) {
  if (worker.empty()) return errors::Missing("a worker's name");
  SB_RETURN_IF_ERROR(CheckText("a worker's name", worker, limits::kMaxNameBytes));
  if (kinds.size() > static_cast<size_t>(limits::kMaxPageSize)) {
    return errors::TooLarge("the number of a worker's kinds", kinds.size(), limits::kMaxPageSize);
  }
  for (const std::string& kind : kinds) {
    SB_RETURN_IF_ERROR(CheckText("a job's kind", kind, limits::kMaxNameBytes));
  }
  return CheckLeaseDuration(lease);
}

absl::Status CheckJobFilter(const JobFilter& filter) {
  if (!filter.kind.has_value()) return absl::OkStatus();
  return CheckText("a filter of jobs", *filter.kind, limits::kMaxNameBytes);
}

}  // namespace signalbox
