#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace signalbox {

// Paths of fields as users read them: `filter_chains[0].filters[1].typed_config`, and
// `filter_metadata["envoy.lb"]` where a name is more than letters, digits, `_` and `@`. The empty
// path is the whole.

// A step on the way to a field: a name, or an index in a list. Steps are linked to the one before,
// which must outlive them, so that a walk builds text only for the errors it finds.
struct FieldPath {
  const FieldPath* parent = nullptr;
  absl::string_view name;
  int index = -1;  // not negative: the step is an index and has no name

  // The path from the root, which has no parent, to here.
  std::string ToString() const;
};

// A step of a path in its text form.
struct FieldStep {
  std::string name;
  int index = -1;  // as in FieldPath

  friend bool operator==(const FieldStep&, const FieldStep&) = default;
};

// Takes a path apart as far as it is well formed.
std::vector<FieldStep> ParseFieldPath(absl::string_view path);

// What is wrong with a field of a resource.
struct FieldError {
  std::string path;         // in the names that the user wrote
  std::string description;  // what is wrong and what to write instead, without the path

  friend bool operator==(const FieldError&, const FieldError&) = default;
  // `path: description`.
  std::string ToString() const;
};

}  // namespace signalbox
