#pragma once

#include <optional>

#include "absl/strings/string_view.h"

namespace signalbox {

// What a start does about migrations that are pending. In every case what is applied must be what
// the program has.
enum class MigrationPolicy {
  kAuto,     // applies them
  kRequire,  // refuses, with the command that applies them
  kOff,      // goes on with the schema as it is, if there is any; a database without one is refused
};

// "auto", "require" or "off".
absl::string_view MigrationPolicyName(MigrationPolicy policy);
// The policy of that name; none for another name.
std::optional<MigrationPolicy> MigrationPolicyNamed(absl::string_view name);

}  // namespace signalbox
