#include "server/descriptors/field_path.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace signalbox {
namespace {

bool IsPlain(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '@';
}

void AppendName(absl::string_view name, std::string* path) {
  if (!name.empty() && std::all_of(name.begin(), name.end(), IsPlain)) {
    if (!path->empty()) path->push_back('.');
    absl::StrAppend(path, name);
    return;
  }
  path->append("[\"");
  for (char c : name) {
    if (c == '"' || c == '\\') path->push_back('\\');
    path->push_back(c);
  }
  path->append("\"]");
}

// Takes `"name"]` off `path`; false if it is something else.
bool TakeQuoted(absl::string_view* path, std::string* name) {
  for (size_t i = 1; i < path->size(); ++i) {
    if ((*path)[i] == '\\' && i + 1 < path->size()) {
      name->push_back((*path)[++i]);
    } else if ((*path)[i] == '"') {
      if (path->substr(i + 1, 1) != "]") return false;
      path->remove_prefix(i + 2);
      return true;
    } else {
      name->push_back((*path)[i]);
    }
  }
  return false;
}

}  // namespace

std::string FieldPath::ToString() const {
  std::vector<const FieldPath*> steps;
  for (const FieldPath* step = this; step->parent != nullptr; step = step->parent)
    steps.push_back(step);
  std::string path;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if ((*step)->index >= 0) {
      absl::StrAppend(&path, "[", (*step)->index, "]");
    } else {
      AppendName((*step)->name, &path);
    }
  }
  return path;
}

std::vector<FieldStep> ParseFieldPath(absl::string_view path) {
  std::vector<FieldStep> steps;
  while (!path.empty()) {
    FieldStep step;
    if (path[0] == '[' && path.substr(1, 1) == "\"") {
      path.remove_prefix(1);
      if (!TakeQuoted(&path, &step.name)) return steps;
    } else if (path[0] == '[') {
      const size_t end = path.find(']');
      if (end == absl::string_view::npos ||
          !absl::SimpleAtoi(path.substr(1, end - 1), &step.index) || step.index < 0) {
        return steps;
      }
      path.remove_prefix(end + 1);
    } else {
      if (path[0] == '.' && !steps.empty()) path.remove_prefix(1);
      const auto end = std::find_if_not(path.begin(), path.end(), IsPlain);
      step.name = std::string(path.begin(), end);
      if (step.name.empty()) return steps;
      path.remove_prefix(step.name.size());
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

std::string FieldError::ToString() const {
  return path.empty() ? description : absl::StrCat(path, ": ", description);
}

}  // namespace signalbox
