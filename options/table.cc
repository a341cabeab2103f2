#include "options/table.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace signalbox::options {

const std::vector<Option>& Table() {
  static const auto* const kTable = new std::vector<Option>{
      {.key = "state_dir",
       .type = Type::kPath,
       .otherwise = "",
       .help = "the daemon's own files; the store's directory unless given"},
      {.key = "environment",
       .type = Type::kText,
       .otherwise = "",
       .help = "\"production\" warns of what is not fit for it"},
      {.key = "store.url",
       .type = Type::kUrl,
       .otherwise = "",
       .help = "sqlite:///relative, sqlite:////absolute or sqlite::memory:",
       .secret = Secret::kYes},
      {.key = "store.path",
       .type = Type::kPath,
       .otherwise = "",
       .help = "the directory of SQLite's files, instead of a url"},
      {.key = "store.driver",
       .type = Type::kText,
       .otherwise = "",
       .help = "a check: what the store must be (sqlite)"},
      {.key = "xds.listen",
       .type = Type::kListen,
       .otherwise = "127.0.0.1:18000",
       .help = "the discovery services"},
      {.key = "xds.insecure",
       .type = Type::kBool,
       .otherwise = "false",
       .help = "plaintext discovery beyond loopback is meant"},
      {.key = "xds.ack_deadline",
       .type = Type::kDuration,
       .otherwise = "30s",
       .help = "a proxy that has not answered by then is stale"},
      {.key = "xds.ordering.overrun_after",
       .type = Type::kDuration,
       .otherwise = "2s",
       .help = "how long a type waits for the acknowledgement of the one before it"},
      {.key = "xds.ordering.warm_timeout",
       .type = Type::kDuration,
       .otherwise = "20s",
       .help = "how long clusters may warm before what follows is sent"},
      {.key = "xds.ordering.hold_max",
       .type = Type::kDuration,
       .otherwise = "15m",
       .help = "how long a resource is held back at most"},
      {.key = "admin.socket",
       .type = Type::kPath,
       .otherwise = "",
       .help = "the Unix socket of the admin API"},
      {.key = "http.listen",
       .type = Type::kListen,
       .otherwise = "127.0.0.1:18080",
       .help = "health and metrics over HTTP"},
      {.key = "http.insecure",
       .type = Type::kBool,
       .otherwise = "false",
       .help = "plaintext HTTP beyond loopback is meant"},
      {.key = "log.level",
       .type = Type::kChoice,
       .otherwise = "info",
       .help = "the least that is logged",
       .choices = {"debug", "info", "warning", "error"}},
      {.key = "log.format",
       .type = Type::kChoice,
       .otherwise = "auto",
       .help = "auto is pretty on a terminal and JSON otherwise",
       .choices = {"auto", "pretty", "json"}},
  };
  return *kTable;
}

const Option* FindOption(absl::string_view key) {
  for (const Option& option : Table()) {
    if (option.key == key) return &option;
  }
  return nullptr;
}

std::string EnvironmentName(const Option& option) {
  return absl::StrCat("SIGNALBOX_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(option.key, {{".", "_"}})));
}

std::string FlagName(const Option& option) { return absl::StrReplaceAll(option.key, {{"_", "-"}}); }

std::string ValueName(const Option& option) {
  switch (option.type) {
    case Type::kText:
      return "TEXT";
    case Type::kBool:
      return "";
    case Type::kDuration:
      return "DURATION";
    case Type::kChoice:
      return absl::StrJoin(option.choices, "|");
    case Type::kListen:
      return "HOST:PORT";
    case Type::kPath:
      return "PATH";
    case Type::kUrl:
      return "URL";
  }
  return "";
}

}  // namespace signalbox::options
