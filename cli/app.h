#pragma once

#include <istream>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/verb.h"

namespace signalbox::cli {

// What the process offers a command. The streams must outlive the run.
struct Surroundings {
  std::istream* in;
  std::ostream* out;
  std::ostream* err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::map<std::string, std::string> environment;
  bool root = false;
};

// Finds the verb that `args` (without the program's name) name, parses its flags and the global
// ones, which may stand before or after it, and runs it. Returns what the process ends with: the
// verb's code, or kUsage with the error and a suggestion on `err`. `--help` prints the help of what
// it stands with on `out`.
ExitCode RunApp(const std::vector<std::string>& args, const std::vector<Verb>& verbs,
                const Surroundings& surroundings);

// As above, with this process' arguments, streams, environment and user.
int RunApp(int argc, char** argv, const std::vector<Verb>& verbs);

// The flags that every verb has.
const std::vector<Flag>& GlobalFlags();

}  // namespace signalbox::cli
