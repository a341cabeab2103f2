#pragma once

#include "cli/verb.h"

namespace signalbox::cli {

// `delete KIND/NAME...`: removes resources, all as one revision or none.
Verb DeleteVerb();

}  // namespace signalbox::cli
