#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace signalbox {

// The number of bytes of the UTF-8 sequence at the start of `text`, which is not empty, or 0 when
// it is none: overlong forms, surrogates and what lies beyond U+10FFFF are none.
size_t Utf8SequenceLength(absl::string_view text);

// How many bytes at the start of `text` are UTF-8; its size when all are.
size_t Utf8PrefixLength(absl::string_view text);

}  // namespace signalbox
