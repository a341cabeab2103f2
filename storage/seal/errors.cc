#include "storage/seal/errors.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace signalbox::errors {

absl::Status KeyFileMissing(absl::string_view path) {
  return absl::NotFoundError(
      absl::StrCat("there is no key file ", path,
                   ", without which the store's secrets cannot be read: bring it back from where "
                   "it is kept (secrets.key_file names the file)"));
}

absl::Status KeyFileUnfit(absl::string_view path, absl::string_view detail) {
  return absl::FailedPreconditionError(absl::StrCat("the key file ", path, " ", detail));
}

absl::Status KeyFileExposed(absl::string_view path, unsigned mode, absl::string_view fit_mode) {
  return absl::FailedPreconditionError(
      absl::StrFormat("the key file %s is open to others (mode %04o): run: chmod %s '%s'", path,
                      mode, fit_mode, path));
}

absl::Status KeyFileTooNew(absl::string_view path, int line, absl::string_view version) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ":", line, ": the key file has format ", version,
                   ", this program knows format 1: run the program that wrote it"));
}

absl::Status KeyFileDamaged(absl::string_view path, int line, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ":", line, ": the key file is damaged: ", what,
                                          ": bring back a copy of the file"));
}

absl::Status TooManyKeys(absl::string_view path, size_t limit) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the key file ", path, " holds ", limit,
                   " keys, as many as it may: retire an older one that seals nothing any more"));
}

absl::Status NoSuchKey(absl::string_view path, KeyId id) {
  return absl::NotFoundError(absl::StrCat("the key file ", path, " has no key ", id.Hex()));
}

absl::Status KeyIsActive(absl::string_view path, KeyId id) {
  return absl::FailedPreconditionError(absl::StrCat("key ", id.Hex(),
                                                    " is the active one of the key file ", path,
                                                    ": rotate first, then retire it"));
}

absl::Status KeyUnknown(absl::string_view what, KeyId id, absl::string_view origin,
                        const std::vector<KeyId>& known) {
  std::string ids;
  for (const KeyId& key : known) absl::StrAppend(&ids, ids.empty() ? "" : ", ", key.Hex());
  return absl::FailedPreconditionError(absl::StrCat(
      what, " is sealed with key ", id.Hex(), ", which is not in ", origin, " (it has ", ids,
      "): bring back the key file that has it, from a copy or another instance"));
}

absl::Status SealBroken(absl::string_view what) {
  return absl::DataLossError(absl::StrCat(what,
                                          " does not open: it is damaged, or belongs to "
                                          "another record"));
}

absl::Status HashDiffers(const ResourceKey& key) {
  return absl::DataLossError(
      absl::StrCat(key.ToString(), " does not have the hash that it was stored under"));
}

absl::Status OfResource(const ResourceKey& key, const absl::Status& cause) {
  return absl::Status(cause.code(), absl::StrCat(key.ToString(), ": ", cause.message()));
}

}  // namespace signalbox::errors
