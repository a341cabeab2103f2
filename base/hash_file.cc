#include "base/hash_file.h"

#include <fcntl.h>
#include <sodium.h>
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
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  std::vector<unsigned char> buffer(size_t{1} << 20);
  ssize_t n = 0;
  while ((n = ::read(fd, buffer.data(), buffer.size())) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    crypto_hash_sha256_update(&state, buffer.data(), static_cast<size_t>(n));
  }
  const absl::Status status = n < 0 ? failed() : absl::OkStatus();
  ::close(fd);
  if (!status.ok()) return status;
  Digest digest;
  crypto_hash_sha256_final(&state, digest.bytes.data());
  return digest;
}

}  // namespace signalbox
