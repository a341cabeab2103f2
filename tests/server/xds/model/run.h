#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/server/xds/model/steps.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox::testing {

struct Outcome {
  std::vector<std::string> wrong;  // nothing: all is well
  std::vector<std::string> trace;
  size_t steps = 0;  // that were taken
};

// Plays a script with a server and a clock of its own, up to the first thing that is wrong; what
// does not come to rest at the end is wrong too.
Outcome Play(XdsBodies* bodies, const Script& script);

// The smallest script that can be found within `budget` in which something is still wrong. `script`
// is one in which it is.
Script Shrink(XdsBodies* bodies, Script script, absl::Duration budget);

}  // namespace signalbox::testing
