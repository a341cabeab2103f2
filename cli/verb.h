#pragma once

#include <functional>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace signalbox::cli {

// One flag of a verb, or one of the global ones.
struct Flag {
  enum class Takes {
    kNothing,  // a switch
    kValue,    // --name VALUE
    kValues,   // --name VALUE, as often as wanted
    kBool,     // a switch that also takes =true or =false
  };

  // Without the dashes; '-' between words. On the command line '_' is the same as '-'.
  std::string name;
  // What the value is called in help: "FILE". Empty for switches.
  std::string value = "";
  // One line that begins in lower case, no full stop; a default at its end: "; 10s unless given".
  std::string help = "";
  // The one-letter form, or 0.
  char letter = 0;
  Takes takes = value.empty() ? Takes::kNothing : Takes::kValue;
  // The values it may have; empty: any.
  std::vector<std::string> choices = {};
  enum class Required { kNo, kYes };
  Required required = Required::kNo;
};

// The arguments of a verb that are no flags: "KIND/NAME", "FILE".
struct Positionals {
  std::string name = "";  // in help; "" when the verb takes none
  std::string help = "";  // as a flag's
  int at_least = 0;
  int at_most = 0;
  static constexpr int kAny = 1 << 20;
};

// What the command line gave a verb.
class Arguments {
 public:
  // Whether the flag was given (for a kBool: with whatever value).
  bool Has(absl::string_view flag) const { return Find(flag) != nullptr; }
  // The flag's value, "true" for a switch; the last one if it was given more often.
  std::optional<std::string> Value(absl::string_view flag) const;
  std::string ValueOr(absl::string_view flag, absl::string_view otherwise) const;
  // All values of a kValues flag, in order.
  std::vector<std::string> Values(absl::string_view flag) const;
  const std::vector<std::string>& positionals() const { return positionals_; }

  // For the frame and for tests.
  void Add(absl::string_view flag, std::string value) {
    flags_[std::string(flag)].push_back(std::move(value));
  }
  void AddPositional(std::string value) { positionals_.push_back(std::move(value)); }

 private:
  const std::vector<std::string>* Find(absl::string_view flag) const;

  std::map<std::string, std::vector<std::string>> flags_;
  std::vector<std::string> positionals_;
};

// What every verb is given. One thread only.
struct Context {
  // Never null; outlive the verb's run.
  Output* out;
  std::istream* in;
  // The process' environment.
  const std::map<std::string, std::string>* environment;
  // -n; "default" unless given.
  std::string namespace_name = "default";
  // --server as given: "unix:PATH" or "HOST:PORT"; empty: where the options say
  // (cli/server_target.h).
  std::string server;
  // --timeout: for one request's answer, or for all of --wait.
  absl::Duration timeout = absl::Seconds(10);
  bool quiet = false;  // -q
  bool yes = false;    // -y
  bool root = false;   // the effective user is root
};

// One command. A plain value: a file of verbs has a function that returns it, and cli/verbs.cc
// lists them.
struct Verb {
  enum class Group { kConfig, kFleet, kSetup, kServer };

  // One or two words: "apply", "config check". A one-word verb may have two-word ones below it.
  std::string name;
  Group group;
  // One line, no full stop.
  std::string help;
  // One or more command lines that work, each beginning with "signalbox".
  std::string example;
  std::vector<Flag> flags = {};
  Positionals positionals = {};
  // Does it. Errors are shown with context.out->Fail(...), whose result it returns.
  std::function<ExitCode(Context& context, const Arguments& arguments)> run;
};

}  // namespace signalbox::cli
