#pragma once

#include "cli/verb.h"

namespace signalbox::cli {

// `version`: this program's version; asks no daemon.
Verb VersionVerb();

}  // namespace signalbox::cli
