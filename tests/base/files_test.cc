#include "base/files.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <string>

#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

using testing::TempDir;

TEST_CASE("what was written is read, and replaces what was there") {
  const TempDir dir;
  const std::string path = dir.Join("file");
  REQUIRE(WriteFileAtomically(path, "first", 0600).ok());
  REQUIRE(WriteFileAtomically(path, "second", 0600).ok());
  CHECK(*ReadFile(path, 100) == "second");
  struct stat info;
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("a file that is not there, is too large or is a directory says so") {
  const TempDir dir;
  CHECK(ReadFile(dir.Join("none"), 100).status().code() == absl::StatusCode::kNotFound);
  REQUIRE(WriteFileAtomically(dir.Join("file"), "123456", 0600).ok());
  CHECK(ReadFile(dir.Join("file"), 6).ok());
  CHECK(ReadFile(dir.Join("file"), 5).status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(ReadFile(dir.path(), 100).status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("a write that cannot be done leaves the old file") {
  const TempDir dir;
  REQUIRE(WriteFileAtomically(dir.Join("file"), "old", 0600).ok());
  CHECK(WriteFileAtomically(dir.Join("file/below"), "new", 0600).code() ==
        absl::StatusCode::kFailedPrecondition);
  CHECK(*ReadFile(dir.Join("file"), 100) == "old");
  // Nor does it leave anything else: a directory cannot be replaced by a file.
  REQUIRE(MakeDirectories(dir.Join("directory"), 0700).ok());
  CHECK(WriteFileAtomically(dir.Join("directory"), "new", 0600).code() ==
        absl::StatusCode::kFailedPrecondition);
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
    names.insert(entry.path().filename());
  CHECK(names == std::set<std::string>{"directory", "file"});
}

TEST_CASE("directories are made with those above them, once") {
  const TempDir dir;
  CHECK(MakeDirectories(dir.Join("a/b/c/"), 0700).ok());
  CHECK(MakeDirectories(dir.Join("a/b/c"), 0700).ok());
  struct stat info;
  REQUIRE(::stat(dir.Join("a/b").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  REQUIRE(WriteFileAtomically(dir.Join("file"), "", 0600).ok());
  CHECK(MakeDirectories(dir.Join("file"), 0700).code() == absl::StatusCode::kFailedPrecondition);
  CHECK(MakeDirectories(dir.Join("file/below"), 0700).code() ==
        absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace signalbox
