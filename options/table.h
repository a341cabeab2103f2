#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace signalbox::options {

enum class Type {
  kText,
  kBool,      // true or false
  kDuration,  // "500ms", "30s", "15m"; above zero
  kChoice,    // one of `choices`
  kListen,    // HOST:PORT
  kPath,
  kUrl,  // a password in it is never shown
};

// Whether the value may hold a secret: then the variable NAME_FILE, which names a file with the
// value, exists beside NAME.
enum class Secret { kNo, kYes };

// One thing that can be configured.
struct Option {
  // "xds.ordering.hold_max": the tables and the key of the TOML file.
  std::string key;
  Type type;
  // As text; "" for a path, text or url that is worked out from others (options/settings.h).
  std::string otherwise;
  // One line, no full stop.
  std::string help;
  std::vector<std::string> choices = {};
  Secret secret = Secret::kNo;
};

// Every option there is, in the order of the reference. The one place to add one; who adds it also
// reads it.
const std::vector<Option>& Table();

// The option with this key, or null.
const Option* FindOption(absl::string_view key);

// "SIGNALBOX_XDS_ORDERING_HOLD_MAX"
std::string EnvironmentName(const Option& option);
// "xds.ordering.hold-max": the flag without its dashes.
std::string FlagName(const Option& option);
// What the value of an option of this type is called in help: "HOST:PORT".
std::string ValueName(const Option& option);

}  // namespace signalbox::options
