#pragma once

#include <vector>

#include "cli/verb.h"

namespace signalbox {

// `signalbox db ...`: the verbs that look after a store whose daemon is stopped. Each takes the
// options, as `serve` does, and refuses a store that a daemon has, naming its pid.
//   db status           each area's schema; 1 when one does not fit this program
//   db migrate [down]   brings schemas up, or one down; --dry-run shows the steps
//   db verify [DIR]     reads a backup, or the whole store; 1 when something is damaged
//   db backup DIR       copies the store, verified
//   db adopt --yes      takes the store as it is for the truth; on PostgreSQL the instances that
//                       wait for that follow
//   db rotate-key       seals every secret with a new key, or removes an older one from the key
//   file
std::vector<cli::Verb> DbVerbs();

}  // namespace signalbox
