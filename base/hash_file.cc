#include "base/hash_file.h"

// As in hash.cc.
#define OPENSSL_API_COMPAT 0x10100000L
#include <fcntl.h>
#include <openssl/sha.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace signalbox {

absl::StatusOr<Digest> HashFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return absl::NotFoundError(absl::StrCat("no such file: ", path));
  const auto failed = [&] {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot read ", path, ": ", std::strerror(errno)));
  };
  if (fd < 0) return failed();
  SHA256_CTX state;
  SHA256_Init(&state);
  std::vector<unsigned char> buffer(size_t{1} << 20);
  ssize_t n = 0;
  while ((n = ::read(fd, buffer.data(), buffer.size())) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    SHA256_Update(&state, buffer.data(), static_cast<size_t>(n));
  }
  const absl::Status status = n < 0 ? failed() : absl::OkStatus();
  ::close(fd);
  if (!status.ok()) return status;
  Digest digest;
  SHA256_Final(digest.bytes.data(), &state);
  return digest;
}

}  // namespace signalbox
