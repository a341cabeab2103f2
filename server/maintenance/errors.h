#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// The errors of the db verbs, each with one text.
namespace signalbox::errors {

// kInvalidArgument: there is no area of that name.
absl::Status NoSuchArea(absl::string_view area, const std::vector<std::string>& areas);
// kInvalidArgument: versions are each area's own, and a schema goes down for one area at a time.
absl::Status AreaWanted(const std::vector<std::string>& areas);

}  // namespace signalbox::errors
