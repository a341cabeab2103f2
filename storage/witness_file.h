#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/model/revision.h"
#include "storage/witness.h"

// A file outside the store's own that remembers how far the store had come: store, epoch, revision
// and digest, as JSON.
namespace signalbox {

// What the file remembers; a witness that remembers nothing where there is no such file.
//   kDataLoss            the file is damaged; the text says what to do
//   kFailedPrecondition  it cannot be read
absl::StatusOr<Witness> ReadWitnessFile(const std::string& path);

// Has the file remember `head`; a reader sees the old one or the new one, whole.
//   kFailedPrecondition  it cannot be written
absl::Status WriteWitnessFile(const std::string& path, const Head& head);

}  // namespace signalbox
