#pragma once

#include "absl/status/status.h"

namespace signalbox::cli {

// What the process ends with; scripts rely on the numbers.
enum class ExitCode : int {
  kDone = 0,
  kNegative = 1,     // a difference found, a check failed, not converged, refused by a proxy
  kUsage = 2,        // the command line itself is wrong
  kNotAllowed = 3,   // no identity, or not this one
  kNotFound = 4,     // what was named is not there
  kConflict = 5,     // the state is not what the request expects
  kInvalid = 6,      // input that can never be accepted
  kUnavailable = 7,  // no answer, or resources exhausted; retry
  kInternal = 8,     // a bug, or damaged data
};

// The exit code that an error of this kind ends with.
ExitCode ExitCodeOf(absl::StatusCode code);

// Whether the same request may succeed later, unchanged.
bool IsRetryable(absl::StatusCode code);

}  // namespace signalbox::cli
