#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/job_queue.h"
#include "storage/model/job.h"

namespace signalbox {

// What every queue refuses before it looks at the database: text beyond storage/limits.h, NUL in it
// or no UTF-8, no kind or worker, numbers that make no sense. Pure.
//   kInvalidArgument  the text names the field
absl::Status CheckJobSpec(const JobSpec& spec);
absl::Status CheckJobClaim(absl::string_view worker, absl::Duration lease,
                           const std::vector<std::string>& kinds);
absl::Status CheckJobFilter(const JobFilter& filter);

}  // namespace signalbox
