#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "cli/option_flags.h"
#include "options/options.h"
#include "options/settings.h"

namespace signalbox {

// What SIGHUP does. `fresh` is what the options come to now; `running` are those in effect. Hands
// the new settings to `apply`, which takes over what can change without a restart, and `running`
// follows. Logs what changed, and what waits for a restart, again each time until there was one.
// When something is wrong with `fresh` nothing changes, and the log says what and where.
void Reload(const absl::StatusOr<cli::LoadedOptions>& fresh, options::Options* running,
            const std::function<void(const options::Settings&)>& apply);

}  // namespace signalbox
