#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace signalbox::options {

enum class Type {
  kText,
  kBool,      // true or false
  kInteger,   // from `least` to `most`
  kDuration,  // "500ms", "30s", "15m"; above zero
  kChoice,    // one of `choices`
  kListen,    // HOST:PORT
  kPath,
  kUrl,     // a password in it is never shown
  kSecret,  // never shown; taken from the environment only, where neither a file nor a list of
            // processes shows it
};

// What a new value in the file needs to come into effect.
enum class Reload {
  kRestart,
  kLive,  // SIGHUP
};

// One thing that can be configured.
struct Option {
  // "xds.ordering.hold_max": the tables and the key of the TOML file.
  std::string key;
  Type type;
  // As text; "" for what is worked out from others (options/settings.h) or is simply not there.
  std::string otherwise;
  // One line, no full stop.
  std::string help;
  std::vector<std::string> choices = {};
  int64_t least = 0;
  int64_t most = 0;
  Reload reload = Reload::kRestart;
};

// Every option there is, in the order of the reference. The one place to add one; who adds it also
// reads it.
const std::vector<Option>& Table();

// The option with this key, or null.
const Option* FindOption(absl::string_view key);

// Whether only the environment can say it.
bool IsEnvironmentOnly(const Option& option);

// "SIGNALBOX_XDS_ORDERING_HOLD_MAX". With "_FILE" after it the variable names a file that holds the
// value; where an option has that very name, as store.password_file beside store.password, it is
// meant.
std::string EnvironmentName(const Option& option);
// "xds.ordering.hold-max": the flag without its dashes.
std::string FlagName(const Option& option);
// What the value of an option of this type is called in help: "HOST:PORT".
std::string ValueName(const Option& option);

}  // namespace signalbox::options
