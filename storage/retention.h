#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace signalbox {

// The time in Unix milliseconds below which a retention of `age` keeps nothing; 0 for an age that
// reaches back before 1970, or for ever. Pure.
inline int64_t KeptSinceMillis(absl::Time now, absl::Duration age) {
  const absl::Time since = now - age;
  return since <= absl::UnixEpoch() ? 0 : absl::ToUnixMillis(since);
}

}  // namespace signalbox
