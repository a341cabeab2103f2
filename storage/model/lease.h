#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace signalbox {

// The right to do what only one instance may do, for a while. Who holds it proves it by its number
// in every transaction (a fence): after a takeover the number is another one.
struct Lease {
  std::string name;    // of what: "audit-follower"
  std::string holder;  // an instance
  int64_t number = 0;  // grows with every acquisition
  absl::Time until;    // on the store's clock, milliseconds
};

}  // namespace signalbox
