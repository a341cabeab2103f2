#pragma once

#include <fmt/format.h>

#include "absl/strings/string_view.h"

// Debian's absl::string_view is a type of its own; this makes it formattable.
template <>
struct fmt::formatter<absl::string_view> : fmt::formatter<fmt::string_view> {
  template <typename Context>
  auto format(absl::string_view text, Context& context) const {
    return fmt::formatter<fmt::string_view>::format({text.data(), text.size()}, context);
  }
};
