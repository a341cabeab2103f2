#pragma once

#include "cli/verb.h"

namespace signalbox::cli {

// `config check`: whether a daemon would start with these options. kInvalid and every problem, when
// not. What is valid but worth knowing is a warning.
Verb ConfigCheckVerb();

// `config show`: the options in effect, with --origin where each was said. Passwords are not shown.
Verb ConfigShowVerb();

// `config reference`: the page about configuration, or with -o json and its like the table of
// options.
Verb ConfigReferenceVerb();

}  // namespace signalbox::cli
