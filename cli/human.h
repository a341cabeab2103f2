#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace signalbox::cli {

// A length of time for a person, in its two largest units: "41s", "6m12s", "3d4h"; "0s" below a
// second and for what is negative.
std::string HumanDuration(absl::Duration duration);

// A number of bytes for a person, in steps of 1000: "512 B", "4.1 kB", "41 MB".
std::string HumanBytes(int64_t bytes);

}  // namespace signalbox::cli
