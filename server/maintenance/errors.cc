#include "server/maintenance/errors.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/suggest.h"

namespace signalbox::errors {

absl::Status NoSuchArea(absl::string_view area, const std::vector<std::string>& areas) {
  return absl::InvalidArgumentError(absl::StrCat("there is no area \"", area, "\"",
                                                 DidYouMean(area, areas), " (there are ",
                                                 absl::StrJoin(areas, ", "), ")"));
}

absl::Status AreaWanted(const std::vector<std::string>& areas) {
  return absl::InvalidArgumentError(
      absl::StrCat("each area has versions of its own: say which one is meant with --area ",
                   absl::StrJoin(areas, "|")));
}

}  // namespace signalbox::errors
