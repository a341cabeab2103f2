#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
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

// The entry that says that an epoch has ended and its successor is of the same store: so that what
// was remembered in it is not taken for another store's.
inline ControlEntry EpochEnded(uint64_t epoch) {
  return {.kind = "epoch", .subject = absl::StrCat(absl::Hex(epoch, absl::kZeroPad16))};
}

}  // namespace signalbox
