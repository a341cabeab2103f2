#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "options/problem.h"

namespace signalbox::options {

// Where values come from, the strongest last: the table's default, the file, conf.d/*.toml beside
// it in the order of their names, the environment, flags.
struct Sources {
  // --config: must exist. Without it: DefaultFile(), which need not.
  std::optional<std::string> file;
  // The whole environment of the process.
  std::map<std::string, std::string> environment;
  // Key of the table -> value as given. A later one of the same key wins.
  std::vector<std::pair<std::string, std::string>> flags;
  // Whether the effective user is root: decides where defaults lie.
  bool root = false;
};

// Where the file is looked for without --config: /etc/signalbox/signalbox.toml for root, else
// ${XDG_CONFIG_HOME:-~/.config}/signalbox/signalbox.toml; "" when neither variable is set.
std::string DefaultFile(const Sources& sources);

// One option's value and where it was said. To say "" is to take back what a weaker source says.
struct Value {
  std::string text;
  Origin origin;
};

// A value for each option of the table. Immutable once read.
class Options {
 public:
  // Reads all sources and checks each value by itself: that the key exists, that the value has the
  // option's type and range. What is wrong is in problems(); such an option has its value from a
  // weaker source. Settings::Resolve (options/settings.h) refuses options with problems.
  static Options Read(const Sources& sources);

  // Everything that is wrong, in the order of the sources. Each place is a file, line and column, a
  // variable or a flag.
  const std::vector<Problem>& problems() const { return problems_; }

  // The option must be in the table.
  const Value& Get(absl::string_view key) const;
  // Whether some source says it, be it what the default is.
  bool IsSet(absl::string_view key) const {
    return Get(key).origin.source != Origin::Source::kDefault;
  }
  // These options with the values that `now` has of those that need no restart.
  Options WithLive(const Options& now) const;
  // The files that were read, in order.
  const std::vector<std::string>& files() const { return files_; }

 private:
  friend class Reader;

  std::map<std::string, Value> values_;
  std::vector<std::string> files_;
  std::vector<Problem> problems_;
};

}  // namespace signalbox::options
