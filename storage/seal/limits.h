#pragma once

#include <cstddef>

namespace signalbox::limits {

// A key file. 64 keys and comments take 8 KiB. A larger one is not ours and is refused.
inline constexpr size_t kMaxKeyFileBytes = size_t{64} << 10;

// Keys in a key file: a rotation a week for more than a year. Beyond it a rotation is refused until
// an older key is retired.
inline constexpr size_t kMaxKeys = 64;

}  // namespace signalbox::limits
