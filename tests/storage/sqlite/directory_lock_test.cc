#include "storage/sqlite/directory_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

TEST_CASE("a directory has one owner at a time, and the refusal names its pid") {
  testing::TempDir directory;
  auto lock = DirectoryLock::Take(directory.path());
  REQUIRE(lock.ok());
  const auto second = DirectoryLock::Take(directory.path());
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(second.status().message(), directory.path()));
  CHECK(absl::StrContains(second.status().message(), "process " + std::to_string(::getpid())));
  lock->reset();
  CHECK(DirectoryLock::Take(directory.path()).ok());
}

TEST_CASE("a process that is killed leaves the directory free") {
  testing::TempDir directory;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = DirectoryLock::Take(directory.path());
    const char byte = lock.ok() ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) == 1) ::pause();
    ::_exit(1);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(byte == 'y');
  const auto refused = DirectoryLock::Take(directory.path());
  CHECK(absl::StrContains(refused.status().message(), "process " + std::to_string(child)));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(DirectoryLock::Take(directory.path()).ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a directory that is not there cannot be locked") {
  testing::TempDir directory;
  CHECK(DirectoryLock::Take(directory.Join("none")).status().code() ==
        absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace signalbox
