#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signalbox {

// The whole of a regular file, at most `limit` bytes.
//   kNotFound            there is no such file
//   kResourceExhausted   it is larger than `limit`
//   kFailedPrecondition  it cannot be read; the text says why
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit);

// Writes `content` beside `path`, flushes it to the disk and renames it into place: a reader sees
// the old file or the new one, whole. `mode` is the new file's permissions.
//   kFailedPrecondition  it cannot be written; the text says why
absl::Status WriteFileAtomically(const std::string& path, absl::string_view content, int mode);

// Makes the directory and those above it, with `mode` for each that is new. One that exists is left
// as it is.
//   kFailedPrecondition  it cannot be made, or something else has that name
absl::Status MakeDirectories(const std::string& path, int mode);

}  // namespace signalbox
