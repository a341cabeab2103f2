#include "server/types/xdstp.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace signalbox {
namespace {

constexpr absl::string_view kScheme = "xdstp://";

// What stands before the parameters, and those, of a name without directives.
struct Parts {
  absl::string_view path;
  absl::string_view parameters;
};

Parts Split(absl::string_view name) {
  const size_t mark = name.find('?');
  if (mark == absl::string_view::npos) return {name, ""};
  return {name.substr(0, mark), name.substr(mark + 1)};
}

std::string Join(absl::string_view path, absl::string_view parameters) {
  return parameters.empty() ? std::string(path) : absl::StrCat(path, "?", parameters);
}

// Where the last segment of the ID begins; npos where there is no ID.
size_t LastSegment(absl::string_view path) {
  const size_t type = path.find('/', kScheme.size());
  const size_t id = type == absl::string_view::npos ? type : path.find('/', type + 1);
  return id == absl::string_view::npos ? id : path.rfind('/') + 1;
}

}  // namespace

std::string NormalizedName(absl::string_view name) {
  if (!absl::StartsWith(name, kScheme)) return std::string(name);
  const Parts parts = Split(name.substr(0, name.find('#')));
  std::vector<absl::string_view> parameters =
      absl::StrSplit(parts.parameters, '&', absl::SkipEmpty());
  std::sort(parameters.begin(), parameters.end());
  return Join(parts.path, absl::StrJoin(parameters, "&"));
}

bool IsCollection(absl::string_view name) {
  if (!absl::StartsWith(name, kScheme)) return false;
  const absl::string_view path = Split(name).path;
  const size_t last = LastSegment(path);
  return last != absl::string_view::npos && path.substr(last) == "*";
}

std::string CollectionOf(absl::string_view name) {
  if (!absl::StartsWith(name, kScheme)) return "";
  const Parts parts = Split(name);
  const size_t last = LastSegment(parts.path);
  if (last == absl::string_view::npos || parts.path.substr(last) == "*") return "";
  return Join(absl::StrCat(parts.path.substr(0, last), "*"), parts.parameters);
}

}  // namespace signalbox
