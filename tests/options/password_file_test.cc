#include "options/password_file.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/testing/temp_dir.h"

namespace signalbox::options {
namespace {

std::string Write(const testing::TempDir& dir, const std::string& text, mode_t mode = 0600) {
  const std::string path = dir.Join("password");
  std::ofstream(path, std::ios::trunc) << text;
  ::chmod(path.c_str(), mode);
  return path;
}

std::string ErrorOf(const std::string& path) {
  const absl::StatusOr<std::string> password = ReadPasswordFile(path);
  REQUIRE_FALSE(password.ok());
  CHECK(password.status().code() == absl::StatusCode::kFailedPrecondition);
  return std::string(password.status().message());
}

TEST_CASE("a password is the file's one line") {
  const testing::TempDir dir;
  for (const char* text : {"secret", "secret\n", "secret\r\n"})
    CHECK(*ReadPasswordFile(Write(dir, text)) == "secret");
  CHECK(*ReadPasswordFile(Write(dir, " a b \n")) == " a b ");
  CHECK(*ReadPasswordFile(Write(dir, "group\n", 0440)) == "group");
}

TEST_CASE("a password is read anew each time") {
  const testing::TempDir dir;
  CHECK(*ReadPasswordFile(Write(dir, "first\n")) == "first");
  CHECK(*ReadPasswordFile(Write(dir, "second\n")) == "second");
}

TEST_CASE("a password file that everyone can use is refused with the command that closes it") {
  const testing::TempDir dir;
  for (const mode_t mode : {0604, 0602, 0644, 0666}) {
    const std::string path = Write(dir, "secret\n", mode);
    CHECK(ErrorOf(path) == "store.password_file: everyone on this machine may use " + path +
                               "; close it to others: chmod o-rwx " + path);
  }
}

TEST_CASE("a password file that holds no password is refused") {
  const testing::TempDir dir;
  const std::string path = dir.Join("password");
  CHECK(ErrorOf(path) == "store.password_file: no such file: " + path +
                             "; it must be a file that the daemon's user may read");
  Write(dir, "\n");
  CHECK(ErrorOf(path) == "store.password_file: " + path + " is empty; write the password into it");
  Write(dir, "a\nb\n");
  CHECK(ErrorOf(path) == "store.password_file: " + path +
                             " has more than one line; the password alone belongs there");
  Write(dir, std::string(5000, 'x'));
  CHECK(ErrorOf(path).find("is larger than 4096 bytes") != std::string::npos);
  CHECK(ErrorOf(dir.path()) == "store.password_file: " + dir.path() + " is not a file");
}

}  // namespace
}  // namespace signalbox::options
