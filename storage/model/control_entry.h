#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace signalbox {

// What changed in the store without a revision (a token, a role, a hold), so that every instance
// hears of it. What the entry is about is read from its own table; the entry only says where to
// look.
struct ControlEntry {
  int64_t seq = 0;      // 1, 2, 3, ... without gaps
  absl::Time time;      // milliseconds; from the store's clock
  std::string kind;     // "token", "role", "hold", "epoch"
  std::string subject;  // the id of what changed, within its kind

  friend bool operator==(const ControlEntry&, const ControlEntry&) = default;
};

}  // namespace signalbox
