#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "cli/verb.h"
#include "options/options.h"
#include "options/settings.h"

namespace signalbox::cli {

// The flags of a verb that takes the options: --config and one for each option of the table.
std::vector<Flag> OptionFlags();

// The sources of the options for this command: its flags (those of OptionFlags(), where the verb
// has them), the environment, the files.
options::Sources SourcesOf(const Context& context, const Arguments& arguments);

// What the options come to for this command, ready to use.
struct LoadedOptions {
  options::Options options;
  options::Settings settings;
};

//   kInvalidArgument  something is wrong with them; one line for each thing
absl::StatusOr<LoadedOptions> LoadOptions(const Context& context, const Arguments& arguments);

}  // namespace signalbox::cli
