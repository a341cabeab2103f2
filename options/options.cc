#include "options/options.h"

#include <dirent.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/files.h"
#include "base/listen_address.h"
#include "base/suggest.h"
#include "options/limits.h"
#include "options/redact.h"
#include "options/table.h"

namespace signalbox::options {
namespace {

constexpr char kPrefix[] = "SIGNALBOX_";
constexpr absl::string_view kFileSuffix = "_FILE";

std::string Variable(const Sources& sources, const std::string& name) {
  const auto it = sources.environment.find(name);
  return it == sources.environment.end() ? "" : it->second;
}

// What is wrong with the text as a value of the option, or "".
std::string Wrong(const Option& option, absl::string_view text) {
  const std::string shown = absl::StrCat("\"", Redacted(option, text), "\"");
  switch (option.type) {
    case Type::kText:
    case Type::kPath:
    case Type::kUrl:
    case Type::kSecret:
      if (text.find('\0') != absl::string_view::npos) return "must not hold a NUL";
      return "";
    case Type::kBool:
      return text == "true" || text == "false" ? ""
                                               : absl::StrCat("must be true or false, not ", shown);
    case Type::kInteger: {
      int64_t number;
      const bool is_number = absl::SimpleAtoi(text, &number);
      if (is_number && option.least <= number && number <= option.most) return "";
      return absl::StrCat("must be a number from ", option.least, " to ", option.most, ", not ",
                          is_number ? std::string(text) : shown);
    }
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

std::string KindOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

// What an option of this type is written as in TOML.
std::string WrittenAs(Type type) {
  switch (type) {
    case Type::kBool:
      return "true or false";
    case Type::kInteger:
      return "a number";
    default:
      return "a string";
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
class Reader {
 public:
  explicit Reader(const Sources& sources) : sources_(sources) {
    for (const Option& option : Table()) options_.values_[option.key] = {option.otherwise, {}};
  }

  Options Read() && {
    ReadFiles();
    ReadEnvironment();
    for (const auto& [key, text] : sources_.flags) {
      const Option* const option = FindOption(key);
      SB_CHECK(option != nullptr);
      Set(*option, text, {Origin::Source::kFlag, absl::StrCat("--", FlagName(*option))});
    }
    return std::move(options_);
  }

 private:
  void AddProblem(const Origin& origin, const std::string& key, std::string text) {
    const bool nowhere = origin.source == Origin::Source::kDefault;
    options_.problems_.push_back({nowhere ? "" : origin.ToString(), key, std::move(text)});
  }

  void Set(const Option& option, absl::string_view text, const Origin& origin) {
    const bool from_environment = origin.source == Origin::Source::kEnvironment;
    if (IsEnvironmentOnly(option) && !from_environment) {
      const std::string variable = EnvironmentName(option);
      AddProblem(origin, option.key,
                 absl::StrCat(option.key,
                              " is taken from the environment only, where others do "
                              "not see it: set ",
                              variable, ", or ", option.key, "_file to a file that holds it"));
      return;
    }
    if (text.empty() && option.otherwise.empty()) {
      options_.values_[option.key] = {};  // takes back what a weaker source says
      return;
    }
    const std::string wrong = Wrong(option, text);
    if (wrong.empty()) {
      options_.values_[option.key] = {std::string(text), origin};
    } else {
      AddProblem(origin, option.key, absl::StrCat(option.key, " ", wrong));
    }
  }

  void ReadFiles() {
    const std::string file = sources_.file.value_or(DefaultFile(sources_));
    if (file.empty()) return;
    ReadOneFile(file, sources_.file.has_value(), Origin::Source::kFile);
    const size_t slash = file.rfind('/');
    const std::string directory =
        slash == std::string::npos ? "conf.d" : absl::StrCat(file.substr(0, slash), "/conf.d");
    const std::vector<std::string> names = TomlFilesIn(directory);
    if (names.size() > kMaxDropIns) {
      AddProblem({}, "",
                 absl::StrCat(directory, " has ", names.size(), " files, more than ", kMaxDropIns));
      return;
    }
    for (const std::string& name : names)
      ReadOneFile(absl::StrCat(directory, "/", name), true, Origin::Source::kDropIn);
  }

  // Sorted by name, by bytes.
  std::vector<std::string> TomlFilesIn(const std::string& directory) {
    std::vector<std::string> names;
    DIR* const open = ::opendir(directory.c_str());
    if (open == nullptr) {
      if (errno != ENOENT && errno != ENOTDIR)
        AddProblem({}, "", absl::StrCat("cannot read ", directory, ": ", std::strerror(errno)));
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

  void ReadOneFile(const std::string& file, bool must_exist, Origin::Source source) {
    const absl::StatusOr<std::string> text = ReadFile(file, kMaxFileBytes);
    if (!text.ok()) {
      if (must_exist || !absl::IsNotFound(text.status()))
        AddProblem({}, "", std::string(text.status().message()));
      return;
    }
    options_.files_.push_back(file);
    origin_ = {source, file};
    try {
      Walk(toml::parse(*text), "");
    } catch (const toml::parse_error& error) {
      AddProblem(At(error.source().begin), "",
                 absl::StrCat("not TOML: ", std::string(error.description())));
    }
  }

  Origin At(const toml::source_position& position) const {
    Origin origin = origin_;
    origin.line = static_cast<int>(position.line);
    origin.column = static_cast<int>(position.column);
    return origin;
  }

  void Walk(const toml::table& table, const std::string& prefix) {
    // toml++ sorts keys; errors come in the order of the file.
    std::vector<std::pair<const toml::key*, const toml::node*>> members;
    for (auto&& [key, node] : table) members.emplace_back(&key, &node);
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
      return std::pair(a.first->source().begin.line, a.first->source().begin.column) <
             std::pair(b.first->source().begin.line, b.first->source().begin.column);
    });
    for (const auto& [name, node] : members) {
      const std::string key = absl::StrCat(prefix, std::string(name->str()));
      const Origin at = At(node->source().begin);
      if (const Option* const option = FindOption(key)) {
        TakeValue(*option, *node, at);
      } else if (!IsTable(key)) {
        AddProblem(At(name->source().begin), key,
                   absl::StrCat("unknown key \"", key, "\"",
                                DidYouMeanKey(prefix, std::string(name->str()))));
      } else if (!node->is_table()) {
        AddProblem(at, key, absl::StrCat(key, " must be a table, not ", KindOf(*node)));
      } else {
        Walk(*node->as_table(), absl::StrCat(key, "."));
      }
    }
  }

  void TakeValue(const Option& option, const toml::node& node, const Origin& origin) {
    const std::string wanted = WrittenAs(option.type);
    if (KindOf(node) != wanted) {
      AddProblem(origin, option.key,
                 absl::StrCat(option.key, " must be ", wanted, ", not ", KindOf(node)));
    } else if (node.is_boolean()) {
      Set(option, node.as_boolean()->get() ? "true" : "false", origin);
    } else if (node.is_integer()) {
      Set(option, absl::StrCat(node.as_integer()->get()), origin);
    } else {
      Set(option, node.as_string()->get(), origin);
    }
  }

  void ReadEnvironment() {
    std::map<std::string, const Option*> names;
    for (const Option& option : Table())
      names[absl::StrCat(EnvironmentName(option), kFileSuffix)] = &option;
    // After those: where an option has such a name itself, it is meant.
    for (const Option& option : Table()) names[EnvironmentName(option)] = &option;
    std::vector<std::string> known;
    for (const auto& [name, option] : names) known.push_back(name.substr(sizeof(kPrefix) - 1));
    for (const auto& [name, value] : sources_.environment) {
      if (!absl::StartsWith(name, kPrefix) || IsServiceLink(name, value)) continue;
      const auto it = names.find(name);
      if (it == names.end()) {
        const std::string meant = Suggest(name.substr(sizeof(kPrefix) - 1), known);
        AddProblem(
            {}, "",
            absl::StrCat(
                "unknown environment variable ", name,
                meant.empty() ? "" : absl::StrCat("; did you mean \"", kPrefix, meant, "\"?")));
      } else if (name == EnvironmentName(*it->second)) {
        Set(*it->second, value, {Origin::Source::kEnvironment, name});
      } else {
        ReadValueFile(*it->second, name, value);
      }
    }
  }

  void ReadValueFile(const Option& option, const std::string& name, const std::string& file) {
    const Origin origin = {Origin::Source::kEnvironment, absl::StrCat(name, "=", file)};
    if (sources_.environment.contains(EnvironmentName(option))) {
      AddProblem(origin, option.key,
                 absl::StrCat(EnvironmentName(option), " is set too; set one of them"));
      return;
    }
    const absl::StatusOr<std::string> text = ReadFile(file, kMaxFileBytes);
    if (!text.ok()) {
      AddProblem({Origin::Source::kEnvironment, name}, option.key,
                 std::string(text.status().message()));
      return;
    }
    absl::string_view value = *text;
    absl::ConsumeSuffix(&value, "\n");
    absl::ConsumeSuffix(&value, "\r");
    Set(option, value, origin);
  }

  const Sources& sources_;
  Options options_;
  Origin origin_;  // the file that is being read
};

std::string DefaultFile(const Sources& sources) {
  if (sources.root) return "/etc/signalbox/signalbox.toml";
  const std::string config = Variable(sources, "XDG_CONFIG_HOME");
  if (!config.empty()) return absl::StrCat(config, "/signalbox/signalbox.toml");
  const std::string home = Variable(sources, "HOME");
  return home.empty() ? "" : absl::StrCat(home, "/.config/signalbox/signalbox.toml");
}

Options Options::Read(const Sources& sources) { return Reader(sources).Read(); }

Options Options::WithLive(const Options& now) const {
  Options options = *this;
  for (const Option& option : Table()) {
    if (option.reload == Reload::kLive) options.values_[option.key] = now.Get(option.key);
  }
  return options;
}

const Value& Options::Get(absl::string_view key) const {
  const auto it = values_.find(std::string(key));
  SB_CHECK(it != values_.end());
  return it->second;
}

}  // namespace signalbox::options
