#pragma once

#include <vector>

#include "cli/verb.h"

namespace signalbox::cli {

// Every verb of the command line, in the order of the help, but `serve`: that one is the daemon's.
std::vector<Verb> Verbs();

}  // namespace signalbox::cli
