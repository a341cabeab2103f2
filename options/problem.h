#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace signalbox::options {

// Where a value was said.
struct Origin {
  enum class Source { kDefault, kFile, kDropIn, kEnvironment, kFlag };

  Source source = Source::kDefault;
  // The file's path, the variable (with "=PATH" when it names a file that holds the value) or the
  // flag with its dashes.
  std::string name = "";
  // In a file, from 1; columns count characters.
  int line = 0;
  int column = 0;

  // "default", "FILE:LINE:COLUMN", "SIGNALBOX_XDS_LISTEN", "--xds.listen".
  std::string ToString() const;
  // "default", "file", "drop-in", "environment", "flag".
  std::string SourceName() const;

  friend bool operator==(const Origin&, const Origin&) = default;
};

// Something about the configuration that a person must hear.
struct Problem {
  // As Origin::ToString; "" where no place says it.
  std::string place;
  // The option at fault; "" when that is not known.
  std::string key;
  // A whole sentence without a full stop. It never holds a password.
  std::string text;

  // "PLACE: TEXT"
  std::string ToString() const;
};

// kInvalidArgument with a line for each.
absl::Status ProblemsError(const std::vector<Problem>& problems);

}  // namespace signalbox::options
