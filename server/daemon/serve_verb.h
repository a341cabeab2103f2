#pragma once

#include "cli/verb.h"

namespace signalbox {

// `signalbox serve`: runs the daemon until SIGTERM or SIGINT. SIGHUP reads the configuration again.
cli::Verb ServeVerb();

}  // namespace signalbox
