#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace signalbox {

// The commands that put a backup in the place of a store that is damaged, for whoever reads the
// error: `directory` is the store's, and no daemon has it.
std::string HowToRestore(absl::string_view directory);

}  // namespace signalbox
