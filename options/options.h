#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "options/table.h"

namespace signalbox::options {

// Where values come from, the strongest last: the table's default, the file, conf.d/*.toml beside
// it, the environment, flags.
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

// One option's value and where it was said.
struct Value {
  std::string text;
  // "default", "FILE:LINE", "SIGNALBOX_XDS_LISTEN", "--xds.listen".
  std::string origin = "default";
};

// A value for each option of the table. Immutable once loaded.
class Options {
 public:
  // Reads all sources and checks each value by itself: that the key exists, that the value has the
  // option's type.
  //   kInvalidArgument  something is wrong; one line for each thing, which names the file, line and
  //                     column, the variable or the flag, and the key
  static absl::StatusOr<Options> Load(const Sources& sources);

  // The option must be in the table.
  const Value& Get(absl::string_view key) const;
  // Whether some source says it, be it what the default is.
  bool IsSet(absl::string_view key) const { return Get(key).origin != "default"; }
  // The files that were read, in order.
  const std::vector<std::string>& files() const { return files_; }

 private:
  friend class Loader;

  std::map<std::string, Value> values_;
  std::vector<std::string> files_;
};

// The value as it may be shown: a url's password is "***".
std::string Redacted(const Option& option, absl::string_view value);

}  // namespace signalbox::options
