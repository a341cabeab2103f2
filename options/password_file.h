#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace signalbox::options {

// The password in the file: its one line, without the newline.
//   kFailedPrecondition  it cannot be read, everyone on the machine can read it, it is empty, too
//                        large or has several lines; the text begins with "store.password_file" and
//                        says what to do
absl::StatusOr<std::string> ReadPasswordFile(const std::string& path);

}  // namespace signalbox::options
