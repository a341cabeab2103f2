#pragma once

#include "cli/verb.h"

namespace signalbox::cli {

// `config check`: whether a daemon would start with these options. kInvalid and every problem, when
// not.
Verb ConfigCheckVerb();

// `config show`: the options in effect, with --origin where each was said. Passwords are not shown.
Verb ConfigShowVerb();

}  // namespace signalbox::cli
