#include "options/options.h"

#include <dirent.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/files.h"
#include "base/listen_address.h"
#include "base/suggest.h"

namespace signalbox::options {
namespace {

// A configuration file. Ours have a hundred lines; beyond it, it is some other file.
constexpr size_t kMaxFileBytes = size_t{1} << 20;

constexpr char kPrefix[] = "SIGNALBOX_";
constexpr absl::string_view kFileSuffix = "_FILE";

std::string Variable(const Sources& sources, const std::string& name) {
  const auto it = sources.environment.find(name);
  return it == sources.environment.end() ? "" : it->second;
}

// What is wrong with the text as a value of the option, or "".
std::string Problem(const Option& option, absl::string_view text) {
  const std::string shown = absl::StrCat("\"", Redacted(option, text), "\"");
  switch (option.type) {
    case Type::kText:
    case Type::kPath:
    case Type::kUrl:
      if (text.find('\0') != absl::string_view::npos) return "must not hold a NUL";
      return "";
    case Type::kBool:
      return text == "true" || text == "false" ? ""
                                               : absl::StrCat("must be true or false, not ", shown);
    case Type::kDuration: {
      absl::Duration duration;
      if (absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration() &&
          duration < absl::InfiniteDuration()) {
        return "";
      }
      return absl::StrCat(
          "must be a duration above zero, such as \"500ms\", \"30s\" or \"15m\", not ", shown);
    }
    case Type::kChoice:
      if (std::find(option.choices.begin(), option.choices.end(), text) != option.choices.end())
        return "";
      return absl::StrCat("must be one of ", absl::StrJoin(option.choices, ", "), ", not ", shown,
                          DidYouMean(text, option.choices));
    case Type::kListen: {
      const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
      return address.ok() ? ""
                          : absl::StrCat("is wrong: ", std::string(address.status().message()));
    }
  }
  return "";
}

// What container platforms set for a service whose name begins with "signalbox":
// SIGNALBOX_SERVICE_HOST, SIGNALBOX_PORT=tcp://..., SIGNALBOX_PORT_18000_TCP_ADDR.
bool IsServiceLink(absl::string_view name, absl::string_view value) {
  if (absl::StrContains(name, "_SERVICE_HOST") || absl::StrContains(name, "_SERVICE_PORT"))
    return true;
  if (absl::EndsWith(name, "_PORT")) return absl::StrContains(value, "://");
  const size_t port = name.find("_PORT_");
  return port != absl::string_view::npos && port + 6 < name.size() &&
         absl::ascii_isdigit(name[port + 6]);
}

std::string Place(const std::string& file, const toml::source_position& position) {
  return absl::StrCat(file, ":", position.line, ":", position.column);
}

std::string KindOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

// "a" and "a.b" for a.b.c: what may stand as a table.
bool IsTable(absl::string_view path) {
  return std::any_of(Table().begin(), Table().end(), [&](const Option& option) {
    return absl::StartsWith(option.key, absl::StrCat(path, "."));
  });
}

// `; did you mean "a.b"?` for the unknown key `prefix` + `name`: a neighbour of it, else the same
// name elsewhere.
std::string DidYouMeanKey(const std::string& prefix, const std::string& name) {
  std::vector<std::string> neighbours;
  for (const Option& option : Table()) {
    absl::string_view rest = option.key;
    if (absl::ConsumePrefix(&rest, prefix)) neighbours.emplace_back(rest.substr(0, rest.find('.')));
  }
  std::string meant = Suggest(name, neighbours);
  if (!meant.empty()) return absl::StrCat("; did you mean \"", prefix, meant, "\"?");
  for (const Option& option : Table()) {
    if (absl::EndsWith(option.key, absl::StrCat(".", name)))
      return DidYouMean(option.key, {option.key});
  }
  return "";
}

}  // namespace

// Collects values and problems from one source after the other.
class Loader {
 public:
  explicit Loader(const Sources& sources) : sources_(sources) {
    for (const Option& option : Table())
      options_.values_[option.key] = {option.otherwise, "default"};
  }

  absl::StatusOr<Options> Load() && {
    LoadFiles();
    LoadEnvironment();
    for (const auto& [key, text] : sources_.flags) {
      const Option* const option = FindOption(key);
      SB_CHECK(option != nullptr);
      const std::string flag = absl::StrCat("--", FlagName(*option));
      Set(*option, text, flag, flag);
    }
    if (!problems_.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems_, "\n"));
    return std::move(options_);
  }

 private:
  // `place` is what an error begins with, `origin` what is remembered.
  void Set(const Option& option, absl::string_view text, const std::string& place,
           const std::string& origin) {
    const std::string problem = Problem(option, text);
    if (problem.empty()) {
      options_.values_[option.key] = {std::string(text), origin};
    } else {
      problems_.push_back(absl::StrCat(place, ": ", option.key, " ", problem));
    }
  }

  void LoadFiles() {
    const std::string file = sources_.file.value_or(DefaultFile(sources_));
    if (file.empty()) return;
    LoadFile(file, sources_.file.has_value());
    const size_t slash = file.rfind('/');
    const std::string directory =
        slash == std::string::npos ? "conf.d" : absl::StrCat(file.substr(0, slash), "/conf.d");
    for (const std::string& name : TomlFilesIn(directory))
      LoadFile(absl::StrCat(directory, "/", name), true);
  }

  // Sorted by name, by bytes.
  std::vector<std::string> TomlFilesIn(const std::string& directory) {
    std::vector<std::string> names;
    DIR* const open = ::opendir(directory.c_str());
    if (open == nullptr) {
      if (errno != ENOENT && errno != ENOTDIR) {
        problems_.push_back(absl::StrCat("cannot read ", directory, ": ", std::strerror(errno)));
      }
      return names;
    }
    while (const dirent* const entry = ::readdir(open)) {
      const std::string name = entry->d_name;
      if (absl::EndsWith(name, ".toml") && name[0] != '.') names.push_back(name);
    }
    ::closedir(open);
    std::sort(names.begin(), names.end());
    return names;
  }

  void LoadFile(const std::string& file, bool must_exist) {
    const absl::StatusOr<std::string> text = ReadFile(file, kMaxFileBytes);
    if (!text.ok()) {
      if (must_exist || !absl::IsNotFound(text.status()))
        problems_.emplace_back(text.status().message());
      return;
    }
    options_.files_.push_back(file);
    try {
      Walk(toml::parse(*text), "", file);
    } catch (const toml::parse_error& error) {
      problems_.push_back(absl::StrCat(Place(file, error.source().begin),
                                       ": not TOML: ", std::string(error.description())));
    }
  }

  void Walk(const toml::table& table, const std::string& prefix, const std::string& file) {
    // toml++ sorts keys; errors come in the order of the file.
    std::vector<std::pair<const toml::key*, const toml::node*>> members;
    for (auto&& [key, node] : table) members.emplace_back(&key, &node);
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
      return std::pair(a.first->source().begin.line, a.first->source().begin.column) <
             std::pair(b.first->source().begin.line, b.first->source().begin.column);
    });
    for (const auto& [name, node] : members) {
      const std::string key = absl::StrCat(prefix, std::string(name->str()));
      const std::string key_place = Place(file, name->source().begin);
      const toml::source_position at = node->source().begin;
      if (const Option* const option = FindOption(key)) {
        TakeValue(*option, *node, Place(file, at), absl::StrCat(file, ":", at.line));
      } else if (!IsTable(key)) {
        problems_.push_back(absl::StrCat(key_place, ": unknown key \"", key, "\"",
                                         DidYouMeanKey(prefix, std::string(name->str()))));
      } else if (!node->is_table()) {
        problems_.push_back(
            absl::StrCat(Place(file, at), ": ", key, " must be a table, not ", KindOf(*node)));
      } else {
        Walk(*node->as_table(), absl::StrCat(key, "."), file);
      }
    }
  }

  void TakeValue(const Option& option, const toml::node& node, const std::string& place,
                 const std::string& origin) {
    const bool wants_bool = option.type == Type::kBool;
    if (wants_bool && node.is_boolean()) {
      Set(option, node.as_boolean()->get() ? "true" : "false", place, origin);
    } else if (!wants_bool && node.is_string()) {
      Set(option, node.as_string()->get(), place, origin);
    } else {
      problems_.push_back(absl::StrCat(place, ": ", option.key, " must be ",
                                       wants_bool ? "true or false" : "a string", ", not ",
                                       KindOf(node)));
    }
  }

  void LoadEnvironment() {
    std::map<std::string, const Option*> names;
    for (const Option& option : Table()) {
      names[EnvironmentName(option)] = &option;
      if (option.secret == Secret::kYes)
        names[absl::StrCat(EnvironmentName(option), kFileSuffix)] = &option;
    }
    std::vector<std::string> known;
    for (const auto& [name, option] : names) known.push_back(name.substr(sizeof(kPrefix) - 1));
    for (const auto& [name, value] : sources_.environment) {
      if (!absl::StartsWith(name, kPrefix) || IsServiceLink(name, value)) continue;
      const auto it = names.find(name);
      if (it == names.end() && absl::EndsWith(name, kFileSuffix) &&
          names.contains(name.substr(0, name.size() - kFileSuffix.size()))) {
        problems_.push_back(absl::StrCat(name,
                                         ": only what may be secret is read from a file; set ",
                                         absl::StripSuffix(name, kFileSuffix)));
      } else if (it == names.end()) {
        const std::string meant = Suggest(name.substr(sizeof(kPrefix) - 1), known);
        problems_.push_back(absl::StrCat(
            "unknown environment variable ", name,
            meant.empty() ? "" : absl::StrCat("; did you mean \"", kPrefix, meant, "\"?")));
      } else if (name == EnvironmentName(*it->second)) {
        Set(*it->second, value, name, name);
      } else {
        LoadSecret(*it->second, name, value);
      }
    }
  }

  void LoadSecret(const Option& option, const std::string& name, const std::string& file) {
    if (sources_.environment.contains(EnvironmentName(option))) {
      problems_.push_back(
          absl::StrCat(name, ": ", EnvironmentName(option), " is set too; set one of them"));
      return;
    }
    const absl::StatusOr<std::string> text = ReadFile(file, kMaxFileBytes);
    if (!text.ok()) {
      problems_.push_back(absl::StrCat(name, ": ", std::string(text.status().message())));
      return;
    }
    absl::string_view value = *text;
    absl::ConsumeSuffix(&value, "\n");
    Set(option, value, name, name);
  }

  const Sources& sources_;
  Options options_;
  std::vector<std::string> problems_;
};

std::string DefaultFile(const Sources& sources) {
  if (sources.root) return "/etc/signalbox/signalbox.toml";
  const std::string config = Variable(sources, "XDG_CONFIG_HOME");
  if (!config.empty()) return absl::StrCat(config, "/signalbox/signalbox.toml");
  const std::string home = Variable(sources, "HOME");
  return home.empty() ? "" : absl::StrCat(home, "/.config/signalbox/signalbox.toml");
}

absl::StatusOr<Options> Options::Load(const Sources& sources) { return Loader(sources).Load(); }

const Value& Options::Get(absl::string_view key) const {
  const auto it = values_.find(std::string(key));
  SB_CHECK(it != values_.end());
  return it->second;
}

std::string Redacted(const Option& option, absl::string_view value) {
  const size_t scheme = value.find("://");
  if (option.type != Type::kUrl || scheme == absl::string_view::npos) return std::string(value);
  std::string shown(value);
  // Up to the last '@': a password may hold what ought to be escaped.
  const size_t colon = shown.find(':', scheme + 3);
  const size_t at = shown.rfind('@');
  if (at != std::string::npos && colon < at) shown.replace(colon + 1, at - colon - 1, "***");
  constexpr absl::string_view kParameter = "password=";
  const size_t parameter = shown.find(kParameter.data());
  if (parameter != std::string::npos) {
    const size_t start = parameter + kParameter.size();
    shown.replace(start, std::min(shown.find('&', start), shown.size()) - start, "***");
  }
  return shown;
}

}  // namespace signalbox::options
