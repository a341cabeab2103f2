#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace signalbox::cli {

// How deep lists and mappings may nest. Nothing that is deeper passes the wire
// (cli/manifest_spec.h).
inline constexpr int kMaxYamlDepth = 64;

// Values in one file, merged ones included: some hundred bytes of memory each. Beyond it: an error.
inline constexpr size_t kMaxYamlNodes = 2'000'000;

// Where something stands in a file, from 1; columns count bytes. 0: nowhere.
struct Position {
  int line = 0;
  int column = 0;

  friend bool operator==(const Position&, const Position&) = default;
};

struct YamlMember;

// A value with its place. Immutable once read; an alias is the same node at several places.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  Position position;
  std::string text;  // a scalar's
  bool plain =
      false;  // a scalar without quotes: what it is depends on where it stands and how it looks
  std::vector<std::shared_ptr<const YamlNode>> elements;  // a list's
  std::vector<YamlMember> members;  // a mapping's, in order; what a merge key adds comes last

  // The member called `key`, or nullptr.
  const YamlMember* Find(absl::string_view key) const;
};

// A key with its place and value.
struct YamlMember {
  std::string key;
  Position position;
  std::shared_ptr<const YamlNode> value;
};

// Something wrong in a file.
struct YamlError {
  Position position;
  std::string text;
};

// What a file holds. Documents before an error are there.
struct YamlFile {
  std::vector<std::shared_ptr<const YamlNode>> documents;  // without the empty ones
  std::vector<YamlError> errors;
};

// Reads YAML or JSON, any number of documents. Stricter than YAML where that finds mistakes: a key
// may stand only once, a further document must begin with `---` (or, as JSON, with `{`), text must
// be UTF-8, tags must be those of JSON's types. What is not YAML ends the reading; other errors do
// not.
YamlFile ReadYaml(absl::string_view content);

}  // namespace signalbox::cli
