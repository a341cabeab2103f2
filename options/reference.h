#pragma once

#include <string>

#include "base/json.h"

namespace signalbox::options {

// The page about configuration, in Markdown, of which docs/configuration.md is a copy. Generated
// from the table; ends with a newline.
std::string ReferencePage();

// An object for each option of the table, in its order: key, type, default, flag, variable,
// restart, help, and choices, least, most where the type has them.
Json ReferenceData();

}  // namespace signalbox::options
