#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage/model/resource.h"
#include "storage/seal/key_id.h"

// The errors of sealing, each with one text. None ever holds key material or a sealed body.
namespace signalbox::errors {

// kNotFound: there is no key file at `path`. Bring it back, or name the right one.
absl::Status KeyFileMissing(absl::string_view path);
// kFailedPrecondition: the file cannot be read or written; `detail` says why and what to do.
absl::Status KeyFileUnfit(absl::string_view path, absl::string_view detail);
// kFailedPrecondition: others may read (or change) the file. The text is the command that ends
// that.
absl::Status KeyFileExposed(absl::string_view path, unsigned mode, absl::string_view fit_mode);
// kFailedPrecondition: the file has a format that a newer program made. Run that one.
absl::Status KeyFileTooNew(absl::string_view path, int line, absl::string_view version);
// kDataLoss: the file is not as it was written, at `line` (from 1). Bring back a copy.
absl::Status KeyFileDamaged(absl::string_view path, int line, absl::string_view what);
// kResourceExhausted: the file holds as many keys as it may. Retire an older one.
absl::Status TooManyKeys(absl::string_view path, size_t limit);
// kNotFound: there is no such key in the file.
absl::Status NoSuchKey(absl::string_view path, KeyId id);
// kFailedPrecondition: the active key cannot be retired. Rotate first.
absl::Status KeyIsActive(absl::string_view path, KeyId id);
// kFailedPrecondition: `what` was sealed with a key that `origin` (which has the keys of `known`)
// lacks. Bring back the key file that has it.
absl::Status KeyUnknown(absl::string_view what, KeyId id, absl::string_view origin,
                        const std::vector<KeyId>& known);
// kDataLoss: the sealed bytes are not what was sealed under this hash. Restore a backup.
absl::Status SealBroken(absl::string_view what);
// kDataLoss: what is stored of the resource does not have the hashes that it is stored under.
// Restore a backup.
absl::Status HashDiffers(const ResourceKey& key);
// `cause` with the resource in front of it; the code stays.
absl::Status OfResource(const ResourceKey& key, const absl::Status& cause);

}  // namespace signalbox::errors
