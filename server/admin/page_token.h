#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signalbox {

// A page token says which list it belongs to and where its last page ended; text that clients treat
// as opaque. `list` is everything that must be the same on the next page: the list's name and its
// filters. `position` is the key of the last element given.
std::string MakePageToken(const std::vector<std::string>& list,
                          const std::vector<std::string>& position);

// The position in `token`.
//   kInvalidArgument  it is no token of this list with `parts` parts: errors::BadPageToken
absl::StatusOr<std::vector<std::string>> ParsePageToken(absl::string_view token,
                                                        const std::vector<std::string>& list,
                                                        size_t parts);

// How many elements a page has: `asked`, or the default when 0.
//   kInvalidArgument  it is negative
absl::StatusOr<int> PageSize(int asked);

}  // namespace signalbox
