#include "storage/seal/key_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "storage/seal/errors.h"
#include "storage/seal/limits.h"

namespace signalbox {
namespace {

constexpr absl::string_view kMagic = "signalbox-keys";
constexpr absl::string_view kVersion = "1";
constexpr absl::string_view kHeader =
    "# Keys of the secrets in Signalbox's store. Without this file they cannot be read; with it\n"
    "# anybody can read them. Keep a copy apart from the store's backups.\n";

// A file that is closed, and so unlocked, at the end of the scope.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status CannotBe(absl::string_view done, const std::string& path, int error) {
  return errors::KeyFileUnfit(path, absl::StrCat("cannot be ", done, ": ", std::strerror(error)));
}

// Who may do what with the file, after PostgreSQL's rule for its keys. Root may read anybody's.
absl::Status CheckAccess(const std::string& path, const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return errors::KeyFileUnfit(path, "is not a regular file");
  const unsigned mode = info.st_mode & 07777;
  if (info.st_uid == ::geteuid() || ::geteuid() == 0) {
    return (mode & 077) == 0 ? absl::OkStatus() : errors::KeyFileExposed(path, mode, "0600");
  }
  if (info.st_uid == 0) {
    return (mode & 037) == 0 ? absl::OkStatus() : errors::KeyFileExposed(path, mode, "0640");
  }
  return errors::KeyFileUnfit(
      path, absl::StrCat("belongs to user ", info.st_uid, ", but this program runs as user ",
                         ::geteuid(), ": run: chown ", ::geteuid(), " '", path, "'"));
}

absl::StatusOr<FileDescriptor> OpenKeyFile(const std::string& path) {
  // A FIFO of that name must not be waited for.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    return errno == ENOENT ? errors::KeyFileMissing(path) : CannotBe("read", path, errno);
  }
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return CannotBe("read", path, errno);
  SB_RETURN_IF_ERROR(CheckAccess(path, info));
  return file;
}

// The file's text, which stays in wiped memory.
absl::StatusOr<std::pair<SecretBytes, size_t>> TextOf(const std::string& path, int fd) {
  SecretBytes text(limits::kMaxKeyFileBytes + 1);
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return CannotBe("read", path, errno);
    if (n == 0) return std::pair{std::move(text), size};
    size += static_cast<size_t>(n);
  }
  return errors::KeyFileUnfit(
      path, absl::StrCat("is larger than ", limits::kMaxKeyFileBytes, " bytes: it is no key file"));
}

// Fills `size` bytes from as many pairs of lower-case digits; false for anything else.
bool FromHex(absl::string_view hex, uint8_t* bytes, size_t size) {
  size_t decoded = 0;
  return hex.size() == 2 * size &&
         std::none_of(hex.begin(), hex.end(), [](char c) { return c >= 'A' && c <= 'F'; }) &&
         sodium_hex2bin(bytes, size, hex.data(), hex.size(), nullptr, &decoded, nullptr) == 0 &&
         decoded == size;
}

// Reads the lines one by one; see the header for the format.
class KeyFileParser {
 public:
  explicit KeyFileParser(const std::string& path) : path_(path) {}

  absl::StatusOr<std::vector<SealKey>> Parse(absl::string_view text) {
    while (!text.empty()) {
      ++line_;
      const size_t end = text.find('\n');
      if (end == absl::string_view::npos) return Damaged("the line is cut short");
      const absl::string_view line = text.substr(0, end);
      text.remove_prefix(end + 1);
      if (line.empty() || line[0] == '#') continue;
      if (ended_) return Damaged("there is more after the line \"end\"");
      SB_RETURN_IF_ERROR(TakeLine(line));
    }
    ++line_;
    if (!has_version_) return Damaged("there is no line \"signalbox-keys 1\"");
    if (!ended_) return Damaged("the file is cut short: there is no line \"end\"");
    return std::move(keys_);
  }

 private:
  absl::Status Damaged(absl::string_view what) const {
    return errors::KeyFileDamaged(path_, line_, what);
  }

  absl::Status TakeLine(absl::string_view line) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (!has_version_) {
      if (words.size() != 2 || words[0] != kMagic)
        return Damaged("the first line must be \"signalbox-keys 1\"");
      int version = 0;
      if (!absl::SimpleAtoi(words[1], &version) || version < 1)
        return Damaged("the format's version is no number");
      if (words[1] != kVersion) return errors::KeyFileTooNew(path_, line_, words[1]);
      has_version_ = true;
      return absl::OkStatus();
    }
    if (words[0] == "end") return TakeEnd(words);
    return TakeKey(words);
  }

  absl::Status TakeEnd(const std::vector<absl::string_view>& words) {
    size_t count = 0;
    if (words.size() != 2 || !absl::SimpleAtoi(words[1], &count))
      return Damaged("\"end\" must be followed by the number of keys");
    if (count != keys_.size())
      return Damaged(absl::StrCat("there should be ", count, " keys, there are ", keys_.size()));
    if (keys_.empty()) return Damaged("there is no key");
    ended_ = true;
    return absl::OkStatus();
  }

  absl::Status TakeKey(const std::vector<absl::string_view>& words) {
    const absl::string_view role = keys_.empty() ? "active" : "older";
    if (words[0] != role)
      return Damaged(absl::StrCat("a line \"", role, " <id> <key>\"",
                                  keys_.empty() ? "" : ", or \"end\"", " must stand here"));
    KeyId id;
    SecretBytes bytes(kSealKeyBytes);
    if (words.size() != 3 || !FromHex(words[1], id.bytes.data(), id.bytes.size()))
      return Damaged("the key's id must be 16 lower-case hexadecimal digits, then its key");
    if (!FromHex(words[2], bytes.data(), bytes.size()))
      return Damaged("the key must be 64 lower-case hexadecimal digits");
    SealKey key(std::move(bytes));
    if (key.id != id) return Damaged("the key does not have the id beside it");
    for (const SealKey& other : keys_) {
      if (other.id == id) return Damaged(absl::StrCat("key ", id.Hex(), " stands here twice"));
    }
    if (keys_.size() == limits::kMaxKeys)
      return Damaged(absl::StrCat("there are more than ", limits::kMaxKeys, " keys"));
    keys_.push_back(std::move(key));
    return absl::OkStatus();
  }

  const std::string& path_;
  int line_ = 0;
  bool has_version_ = false;
  bool ended_ = false;
  std::vector<SealKey> keys_;
};

absl::StatusOr<KeyRing> RingIn(const std::string& path, int fd) {
  SB_ASSIGN_OR_RETURN(const auto text, TextOf(path, fd));
  SB_ASSIGN_OR_RETURN(std::vector<SealKey> keys,
                      KeyFileParser(path).Parse(text.first.View().substr(0, text.second)));
  return KeyRing(absl::StrCat("the key file ", path), std::move(keys));
}

// The file's text with these keys, in wiped memory.
std::pair<SecretBytes, size_t> TextWith(const std::vector<const SealKey*>& keys) {
  SecretBytes text(limits::kMaxKeyFileBytes);
  size_t size = 0;
  const auto append = [&](absl::string_view part) {
    std::memcpy(text.data() + size, part.data(), part.size());
    size += part.size();
  };
  append(kHeader);
  append(absl::StrCat(kMagic, " ", kVersion, "\n"));
  for (const SealKey* key : keys) {
    append(absl::StrCat(key == keys.front() ? "active " : "older ", key->id.Hex(), " "));
    sodium_bin2hex(reinterpret_cast<char*>(text.data()) + size, text.size() - size,
                   key->bytes.data(), key->bytes.size());
    size += 2 * key->bytes.size();
    append("\n");
  }
  append(absl::StrCat("end ", keys.size(), "\n"));
  return {std::move(text), size};
}

absl::Status WriteAll(int fd, absl::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return CannotBe("written", path, errno);
    text.remove_prefix(static_cast<size_t>(n));
  }
  return ::fsync(fd) == 0 ? absl::OkStatus() : CannotBe("flushed", path, errno);
}

absl::Status FlushDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const FileDescriptor directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0)
    return CannotBe("flushed", parent, errno);
  return absl::OkStatus();
}

// Writes a file with these keys beside `path`, flushes it and gives it that name: in the place of
// the file that `replaced` tells of, with its owner and mode, or, where that is null, only if there
// is none.
absl::Status Write(const std::string& path, const std::vector<const SealKey*>& keys,
                   const struct stat* replaced) {
  std::string temporary = absl::StrCat(path, ".new.XXXXXX");
  const FileDescriptor file(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (file.get() < 0) return CannotBe("written", path, errno);
  const auto [text, size] = TextWith(keys);
  absl::Status written = WriteAll(file.get(), text.View().substr(0, size), path);
  if (written.ok() && replaced != nullptr &&
      (::fchown(file.get(), replaced->st_uid, replaced->st_gid) != 0 ||
       ::fchmod(file.get(), replaced->st_mode & 0777) != 0 || ::fsync(file.get()) != 0)) {
    written = CannotBe("given the owner and mode of the old one", path, errno);
  }
  bool renamed = false;
  if (written.ok() && replaced != nullptr) {
    renamed = ::rename(temporary.c_str(), path.c_str()) == 0;
    if (!renamed) written = CannotBe("replaced", path, errno);
  } else if (written.ok() && ::link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    written = CannotBe("made", path, errno);
  }
  if (!renamed) ::unlink(temporary.c_str());
  SB_RETURN_IF_ERROR(written);
  return FlushDirectoryOf(path);
}

// The file itself, where `path` is a symbolic link: a rename would replace the link.
std::string Target(const std::string& path) {
  char* const resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string target = resolved;
  std::free(resolved);
  return target;
}

// The file, locked against other changes until it is closed.
absl::StatusOr<FileDescriptor> OpenForChange(const std::string& path) {
  while (true) {
    SB_ASSIGN_OR_RETURN(FileDescriptor file, OpenKeyFile(path));
    while (::flock(file.get(), LOCK_EX) != 0) {
      if (errno != EINTR) return CannotBe("locked", path, errno);
    }
    // While this one waited another file may have got the name.
    struct stat locked, named;
    if (::fstat(file.get(), &locked) != 0) return CannotBe("read", path, errno);
    if (::stat(path.c_str(), &named) == 0 && named.st_dev == locked.st_dev &&
        named.st_ino == locked.st_ino) {
      return file;
    }
  }
}

// Replaces the file by one with the keys that `choose` returns, which points into the ring it gets
// or at what outlives this call.
absl::StatusOr<KeyRing> Change(
    const std::string& path,
    const std::function<absl::StatusOr<std::vector<const SealKey*>>(const KeyRing&)>& choose) {
  const std::string target = Target(path);
  SB_ASSIGN_OR_RETURN(const FileDescriptor file, OpenForChange(target));
  SB_ASSIGN_OR_RETURN(const KeyRing ring, RingIn(path, file.get()));
  SB_ASSIGN_OR_RETURN(const std::vector<const SealKey*> keys, choose(ring));
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return CannotBe("read", path, errno);
  SB_RETURN_IF_ERROR(Write(target, keys, &info));
  return KeyFile(path).Read();
}

std::vector<const SealKey*> PointersTo(const KeyRing& ring) {
  std::vector<const SealKey*> keys;
  for (const SealKey& key : ring.keys()) keys.push_back(&key);
  return keys;
}

}  // namespace

absl::StatusOr<KeyRing> KeyFile::Read() const {
  SB_ASSIGN_OR_RETURN(const FileDescriptor file, OpenKeyFile(path_));
  return RingIn(path_, file.get());
}

absl::StatusOr<KeyRing> KeyFile::ReadOrMake() const {
  absl::StatusOr<KeyRing> ring = Read();
  if (!absl::IsNotFound(ring.status())) return ring;
  const SealKey key = SealKey::Random();
  SB_RETURN_IF_ERROR(Write(path_, {&key}, nullptr));
  return Read();
}

absl::StatusOr<KeyRing> KeyFile::Rotate() const {
  const SealKey added = SealKey::Random();
  return Change(path_, [&](const KeyRing& ring) -> absl::StatusOr<std::vector<const SealKey*>> {
    if (ring.keys().size() >= limits::kMaxKeys) return errors::TooManyKeys(path_, limits::kMaxKeys);
    std::vector<const SealKey*> keys = PointersTo(ring);
    keys.insert(keys.begin(), &added);
    return keys;
  });
}

absl::StatusOr<KeyRing> KeyFile::Retire(KeyId id) const {
  return Change(path_, [&](const KeyRing& ring) -> absl::StatusOr<std::vector<const SealKey*>> {
    if (ring.Find(id) == nullptr) return errors::NoSuchKey(path_, id);
    if (ring.active().id == id) return errors::KeyIsActive(path_, id);
    std::vector<const SealKey*> keys = PointersTo(ring);
    std::erase_if(keys, [&](const SealKey* key) { return key->id == id; });
    return keys;
  });
}

}  // namespace signalbox
