#pragma once

#include <istream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace signalbox::cli {

// A file to read manifests from: its path, or "-".
struct ManifestFiles {
  std::vector<std::string> paths;
  std::vector<std::pair<std::string, std::string>> errors;  // path, what is wrong with it
};

// What `paths` name, as LoadManifests says, at most `limit` of them.
ManifestFiles FindManifestFiles(const std::vector<std::string>& paths, size_t limit);

// The whole of the stream, at most `limit` bytes.
//   kResourceExhausted   it is longer
//   kFailedPrecondition  reading it failed
absl::StatusOr<std::string> ReadStream(std::istream& stream, size_t limit);

}  // namespace signalbox::cli
