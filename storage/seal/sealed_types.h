#pragma once

#include "absl/strings/string_view.h"

namespace signalbox {

// The types (short names) whose bodies are sealed. Key material inside resources of other types is
// not.
inline constexpr absl::string_view kSealedTypes[] = {"secret"};

// Whether bodies of this type are sealed.
constexpr bool IsSealed(absl::string_view type) {
  for (const absl::string_view sealed : kSealedTypes) {
    if (type == sealed) return true;
  }
  return false;
}

}  // namespace signalbox
