#pragma once

#include <string>
#include <vector>

#include "options/options.h"
#include "options/problem.h"
#include "options/table.h"

namespace signalbox::options {

// An option that was said anew.
struct Change {
  const Option* option;  // of the table
  // Without passwords; two different urls may look alike.
  std::string from;
  std::string to;
  Origin origin;  // of `to`
};

// What differs in `now`, in the order of the table. Where it was said does not count.
std::vector<Change> Changes(const Options& before, const Options& now);

}  // namespace signalbox::options
