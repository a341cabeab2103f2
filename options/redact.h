#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "options/table.h"

namespace signalbox::options {

// The url with "***" where a password is or may be: what stands before "@", and the parameters
// whose names end in "password". Made for what people write, right or wrong: in case of doubt more
// is hidden than need be. SQLite's urls, which hold none, are left as they are.
std::string RedactedUrl(absl::string_view url);

// The option's value as it may be shown and logged.
std::string Redacted(const Option& option, absl::string_view value);

}  // namespace signalbox::options
