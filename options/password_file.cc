#include "options/password_file.h"

#include <sys/stat.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/files.h"
#include "options/limits.h"

namespace signalbox::options {
namespace {

absl::Status Unfit(absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("store.password_file: ", why));
}

}  // namespace

absl::StatusOr<std::string> ReadPasswordFile(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) {
    if (!S_ISREG(info.st_mode)) return Unfit(absl::StrCat(path, " is not a file"));
    if ((info.st_mode & S_IRWXO) != 0) {
      return Unfit(absl::StrCat("everyone on this machine may use ", path,
                                "; close it to others: chmod o-rwx ", path));
    }
  }
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxPasswordBytes);
  if (!text.ok()) {
    return Unfit(absl::StrCat(std::string(text.status().message()),
                              "; it must be a file that the daemon's user may read"));
  }
  absl::string_view password = *text;
  absl::ConsumeSuffix(&password, "\n");
  absl::ConsumeSuffix(&password, "\r");
  if (password.empty()) return Unfit(absl::StrCat(path, " is empty; write the password into it"));
  if (absl::StrContains(password, '\n') || absl::StrContains(password, '\0')) {
    return Unfit(absl::StrCat(path, " has more than one line; the password alone belongs there"));
  }
  return std::string(password);
}

}  // namespace signalbox::options
