#include "options/problem.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace signalbox::options {

std::string Origin::ToString() const {
  switch (source) {
    case Source::kDefault:
      return "default";
    case Source::kFile:
    case Source::kDropIn:
      return absl::StrCat(name, ":", line, ":", column);
    case Source::kEnvironment:
    case Source::kFlag:
      return name;
  }
  return "";
}

std::string Origin::SourceName() const {
  switch (source) {
    case Source::kDefault:
      return "default";
    case Source::kFile:
      return "file";
    case Source::kDropIn:
      return "drop-in";
    case Source::kEnvironment:
      return "environment";
    case Source::kFlag:
      return "flag";
  }
  return "";
}

std::string Problem::ToString() const {
  return place.empty() ? text : absl::StrCat(place, ": ", text);
}

absl::Status ProblemsError(const std::vector<Problem>& problems) {
  return absl::InvalidArgumentError(absl::StrJoin(
      problems, "\n",
      [](std::string* out, const Problem& problem) { absl::StrAppend(out, problem.ToString()); }));
}

}  // namespace signalbox::options
