#pragma once

#include "cli/verb.h"

namespace signalbox {

// `signalbox serve`: runs the daemon until SIGTERM or SIGINT.
cli::Verb ServeVerb();

}  // namespace signalbox
