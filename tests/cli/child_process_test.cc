#include "cli/child_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/files.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::cli {
namespace {

// Waits until a program that was started has written a line.
std::string AwaitLine(const std::string& path) {
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (absl::Now() < deadline) {
    const std::string text = ReadFile(path, 1000).value_or("");
    if (!text.empty() && text.back() == '\n') return std::string(absl::StripSuffix(text, "\n"));
    std::this_thread::yield();
  }
  return "";
}

TEST_CASE("a child's output goes to its log and its exit code is told") {
  const signalbox::testing::TempDir dir;
  auto child = ChildProcess::Start({"/bin/sh", "-c", "echo said; exit 3"}, dir.path() + "/log");
  REQUIRE(child.ok());
  CHECK(AwaitLine(dir.path() + "/log") == "said");
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (!(*child)->Ended().has_value() && absl::Now() < deadline) std::this_thread::yield();
  REQUIRE((*child)->Ended().has_value());
  CHECK(WEXITSTATUS(*(*child)->Ended()) == 3);
}

TEST_CASE("a program that cannot be run is an error that names it") {
  const signalbox::testing::TempDir dir;
  const auto child = ChildProcess::Start({dir.path() + "/missing"}, dir.path() + "/log");
  CHECK(child.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK_THAT(std::string(child.status().message()), Catch::Contains("missing"));
}

TEST_CASE("a child that heeds SIGTERM ends by itself, one that does not is killed") {
  const signalbox::testing::TempDir dir;
  auto heeds = ChildProcess::Start(
      {"/bin/sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done"},
      dir.path() + "/heeds");
  auto ignores =
      ChildProcess::Start({"/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.01; done"},
                          dir.path() + "/ignores");
  REQUIRE(heeds.ok());
  REQUIRE(ignores.ok());
  REQUIRE(AwaitLine(dir.path() + "/heeds") == "up");
  REQUIRE(AwaitLine(dir.path() + "/ignores") == "up");
  CHECK(WEXITSTATUS((*heeds)->Stop(absl::Seconds(20))) == 7);
  CHECK(WTERMSIG((*ignores)->Stop(absl::Milliseconds(50))) == SIGKILL);
}

TEST_CASE("a child dies with the process that started it") {
  const signalbox::testing::TempDir dir;
  const std::string log = dir.path() + "/log";
  const pid_t starter = fork();
  if (starter == 0) {
    auto child = ChildProcess::Start({"/bin/sh", "-c", "echo $$; exec sleep 1000"}, log);
    while (child.ok() && AwaitLine(log).empty()) std::this_thread::yield();
    kill(getpid(), SIGKILL);
  }
  REQUIRE(waitpid(starter, nullptr, 0) == starter);
  int pid = 0;
  REQUIRE(absl::SimpleAtoi(AwaitLine(log), &pid));
  // It is nobody's child then; a zombie that waits for its reaper counts as dead.
  const auto dead = [&] {
    const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat", 1000).value_or("Z");
    return kill(pid, 0) != 0 || stat.find(") Z ") != std::string::npos || stat == "Z";
  };
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (!dead() && absl::Now() < deadline) std::this_thread::yield();
  CHECK(dead());
}

}  // namespace
}  // namespace signalbox::cli
