#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/hash.h"

namespace signalbox {

// SHA-256 of a file's bytes, whatever its size: what sha256sum prints.
//   kNotFound            there is no such file
//   kFailedPrecondition  it cannot be read; the text says why
absl::StatusOr<Digest> HashFile(const std::string& path);

}  // namespace signalbox
