#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signalbox {

// Whether the bytes are UTF-8 without NUL: what every backend takes as text.
bool IsText(absl::string_view text);

// What every backend refuses in a text before it looks at the database, so that all refuse alike.
// `what` names the text in the error. Pure.
//   kInvalidArgument  longer than `limit` bytes, or no UTF-8, or NUL in it
absl::Status CheckText(absl::string_view what, absl::string_view text, size_t limit);

// The longest beginning of `text` that CheckText takes: for what others say and nobody can mend.
std::string CutText(absl::string_view text, size_t limit);

// The same for a time: every backend and RFC 3339 can hold the years 1970 to 9999.
//   kInvalidArgument  it is beyond them
absl::Status CheckTime(absl::string_view what, absl::Time time);

}  // namespace signalbox
