#pragma once

#include <algorithm>

#include "absl/strings/string_view.h"
#include "base/hash.h"

namespace signalbox {

// The digest in a column's 32 bytes. Bytes of another number (a damaged row) give one that matches
// nothing real: zeros.
inline Digest DigestIn(absl::string_view bytes) {
  Digest digest;
  if (bytes.size() == digest.bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  }
  return digest;
}

}  // namespace signalbox
