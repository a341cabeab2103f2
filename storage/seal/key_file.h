#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "storage/seal/key_id.h"
#include "storage/seal/key_ring.h"

namespace signalbox {

// The file that holds the keys of a store's secrets, text in lines:
//
//   # comments, and empty lines
//   signalbox-keys 1                      the format's version
//   active <id> <key>                     seals and opens; exactly one, before the others
//   older <id> <key>                      opens what it sealed; newest first
//   end 2                                 how many keys there are: a shorter file shows
//
// ids in 16 and keys in 64 lower-case hexadecimal digits; an id that does not follow from its key
// shows damage. Only its owner may read it; where root owns it and another user runs the process,
// that user's group may too (a mounted secret). A symbolic link is followed. A change writes a new
// file with the owner and mode of the old one, flushes it and renames it into place, so that a
// reader and a crash see the old file or the new one, whole. All methods give
//   kFailedPrecondition  the file is open to others (with the chmod to run), of another user, no
//                        regular file, of a newer format, or cannot be read or written
//   kDataLoss            it is damaged or cut short; the text names file and line
// They block, and are safe from any thread and several processes at once: no change is lost.
class KeyFile {
 public:
  explicit KeyFile(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }

  //   kNotFound  there is no such file
  absl::StatusOr<KeyRing> Read() const;

  // Makes the file, with one new key and mode 0600, where there is none; reads it. Never replaces a
  // file. Its directory must exist.
  absl::StatusOr<KeyRing> ReadOrMake() const;

  // Adds a new key, which is the active one from now on.
  //   kNotFound           there is no such file
  //   kResourceExhausted  it holds limits::kMaxKeys already
  absl::StatusOr<KeyRing> Rotate() const;

  // Removes a key. What was sealed with it can never be opened again, in backups neither.
  //   kNotFound            there is no such file, or no such key in it
  //   kFailedPrecondition  the key is the active one
  absl::StatusOr<KeyRing> Retire(KeyId id) const;

 private:
  const std::string path_;
};

}  // namespace signalbox
