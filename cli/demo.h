#pragma once

#include <functional>
#include <vector>

#include "cli/verb.h"

namespace signalbox::cli {

// `demo`: a tour of the whole path on this machine, in a temporary folder and on free loopback
// ports. It starts the daemon (this program once more), two upstream HTTP servers and a real Envoy;
// applies docs/examples/first-light.yaml; sends requests through Envoy; moves the route with one
// more apply and says how long it took until requests followed; and applies a listener that Envoy
// refuses. Everything it started ends with it, however it ends. `verbs`: the command line's verbs,
// which the tour runs as a user would.
Verb DemoVerb(std::function<std::vector<Verb>()> verbs);

}  // namespace signalbox::cli
