#include "cli/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace signalbox::cli {
namespace {

absl::Status SystemError(absl::string_view what, const std::string& path, int error) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error)));
}

// In the child, between fork and exec: system calls only. An errno that stops it goes into the
// pipe.
[[noreturn]] void Exec(char* const* argv, int log, int error_pipe, pid_t parent) {
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  sigset_t none;
  sigemptyset(&none);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && setpgid(0, 0) == 0 &&
      sigprocmask(SIG_SETMASK, &none, nullptr) == 0 && dup2(null, STDIN_FILENO) >= 0 &&
      dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0) {
    execv(argv[0], argv);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(error_pipe, &error, sizeof(error));
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& argv, const std::string& log_path) {
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return SystemError("open", log_path, errno);
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  int error_pipe[2];
  if (pipe2(error_pipe, O_CLOEXEC) != 0) {
    const int error = errno;
    close(log);
    return SystemError("run", argv[0], error);
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Exec(words.data(), log, error_pipe[1], parent);
  const int fork_error = errno;
  close(log);
  close(error_pipe[1]);
  int error = 0;
  // Nothing arrives when exec succeeds: the pipe is closed by it.
  const ssize_t size = pid > 0 ? read(error_pipe[0], &error, sizeof(error)) : 0;
  close(error_pipe[0]);
  if (pid < 0) return SystemError("run", argv[0], fork_error);
  if (size == sizeof(error)) {
    waitpid(pid, nullptr, 0);
    return SystemError("run", argv[0], error);
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid));
}

ChildProcess::~ChildProcess() { Stop(absl::ZeroDuration()); }

std::optional<int> ChildProcess::Ended() {
  int status = 0;
  if (!ended_.has_value() && waitpid(pid_, &status, WNOHANG) == pid_) ended_ = status;
  return ended_;
}

int ChildProcess::Stop(absl::Duration grace) {
  if (grace > absl::ZeroDuration() && !Ended().has_value()) {
    kill(pid_, SIGTERM);
    const absl::Time deadline = absl::Now() + grace;
    while (!Ended().has_value() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(5));
  }
  if (!Ended().has_value()) {
    kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    ended_ = status;
  }
  return *ended_;
}

}  // namespace signalbox::cli
