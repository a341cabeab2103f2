#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace signalbox {

// The ownership of a store's directory by one process: a lock on its file `lock`, which names that
// process's pid. The kernel gives it back when the process ends, however it ends; the file stays.
// It is not handed on to child programs.
class DirectoryLock {
 public:
  // Takes the lock of `directory`, which must exist, without waiting.
  //   kFailedPrecondition  another owner has it (the text names its pid), or the file cannot be
  //                        made
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Take(const std::string& directory);

  // Gives it back.
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace signalbox
