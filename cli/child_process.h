#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace signalbox::cli {

// A program that runs beside this one and never outlives it: the kernel kills it when the thread
// that started it ends, in whatever way, and the destructor does too. It is in a process group of
// its own, so that Ctrl-C on the terminal does not reach it. One thread only.
class ChildProcess {
 public:
  // Runs `argv` (argv[0] is a path) in this process' environment, with nothing to read; what it
  // writes goes to the end of `log_path`.
  //   kFailedPrecondition  the log cannot be opened, or the program cannot be run; the text says
  //   why
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const std::vector<std::string>& argv,
                                                             const std::string& log_path);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // What the program ended with, as wait(2) gives it; nothing while it runs.
  std::optional<int> Ended();
  // Asks it to end with SIGTERM, kills it when it has not by `grace`, and returns what it ended
  // with.
  int Stop(absl::Duration grace);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  const pid_t pid_;

  std::optional<int> ended_;
};

}  // namespace signalbox::cli
