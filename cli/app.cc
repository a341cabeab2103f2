#include "cli/app.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <iostream>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/suggest.h"
#include "base/version.h"

extern char** environ;

namespace signalbox::cli {
namespace {

constexpr char kProgram[] = "signalbox";

std::string FlagUsage(const Flag& flag) {
  std::string usage =
      flag.letter != 0 ? absl::StrCat("-", std::string(1, flag.letter), ", --") : "    --";
  absl::StrAppend(&usage, flag.name);
  if (flag.takes == Flag::Takes::kBool) absl::StrAppend(&usage, "[=false]");
  if (!flag.value.empty()) absl::StrAppend(&usage, " ", flag.value);
  return usage;
}

std::string FlagHelp(const Flag& flag) {
  if (flag.choices.empty()) return flag.help;
  return absl::StrCat(flag.help, " (", absl::StrJoin(flag.choices, "|"), ")");
}

// Two columns; what is wide has its help on a line of its own.
std::string Columns(const std::vector<std::pair<std::string, std::string>>& rows) {
  constexpr size_t kWidest = 34;
  size_t width = 0;
  for (const auto& [left, right] : rows) {
    if (left.size() <= kWidest) width = std::max(width, left.size());
  }
  std::string text;
  for (const auto& [left, right] : rows) {
    absl::StrAppend(&text, "  ", left);
    if (left.size() > width) absl::StrAppend(&text, "\n  ", std::string(width, ' '));
    const size_t pad = left.size() > width ? 0 : width - left.size();
    absl::StrAppend(&text, std::string(pad + 2, ' '), right, "\n");
  }
  return text;
}

std::string FlagList(const std::vector<Flag>& flags) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Flag& flag : flags) rows.emplace_back(FlagUsage(flag), FlagHelp(flag));
  return Columns(rows);
}

bool IsBelow(const Verb& verb, absl::string_view parent) {
  return absl::StartsWith(verb.name, absl::StrCat(parent, " "));
}

std::string VerbList(const std::vector<const Verb*>& verbs) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Verb* verb : verbs) rows.emplace_back(verb->name, verb->help);
  return Columns(rows);
}

std::string RootHelp(const std::vector<Verb>& verbs) {
  static constexpr std::pair<Verb::Group, const char*> kGroups[] = {
      {Verb::Group::kConfig, "Configuration"},
      {Verb::Group::kFleet, "Fleet"},
      {Verb::Group::kSetup, "Setup"},
      {Verb::Group::kServer, "Server"}};
  std::string text = absl::StrCat(
      kProgram, " ", kVersion,
      ": a control plane for Envoy and gRPC proxies\n\nUsage: signalbox VERB [flags]\n");
  for (const auto& [group, title] : kGroups) {
    std::vector<const Verb*> members;
    for (const Verb& verb : verbs) {
      if (verb.group == group) members.push_back(&verb);
    }
    if (!members.empty()) absl::StrAppend(&text, "\n", title, ":\n", VerbList(members));
  }
  absl::StrAppend(&text, "\nFlags of every verb:\n", FlagList(GlobalFlags()),
                  "\n`signalbox VERB --help` says more about a verb.\n");
  return text;
}

std::string VerbHelp(const Verb& verb, const std::vector<Verb>& verbs) {
  std::string text = absl::StrCat(verb.help, ".\n\nUsage: ", kProgram, " ", verb.name);
  if (verb.positionals.at_most > 0) {
    absl::StrAppend(&text, verb.positionals.at_least > 0 ? " " : " [", verb.positionals.name,
                    verb.positionals.at_most > 1 ? "..." : "",
                    verb.positionals.at_least > 0 ? "" : "]");
  }
  absl::StrAppend(&text, " [flags]\n");
  if (verb.positionals.at_most > 0) {
    absl::StrAppend(&text, "\n", Columns({{verb.positionals.name, verb.positionals.help}}));
  }
  std::vector<const Verb*> below;
  for (const Verb& other : verbs) {
    if (IsBelow(other, verb.name)) below.push_back(&other);
  }
  if (!below.empty()) absl::StrAppend(&text, "\nMore:\n", VerbList(below));
  if (!verb.example.empty()) {
    absl::StrAppend(&text, "\nExample:\n  ", absl::StrReplaceAll(verb.example, {{"\n", "\n  "}}),
                    "\n");
  }
  if (!verb.flags.empty()) absl::StrAppend(&text, "\nFlags:\n", FlagList(verb.flags));
  absl::StrAppend(&text, "\nFlags of every verb:\n", FlagList(GlobalFlags()));
  return text;
}

std::string GroupHelp(absl::string_view word, const std::vector<Verb>& verbs) {
  std::vector<const Verb*> below;
  for (const Verb& verb : verbs) {
    if (IsBelow(verb, word)) below.push_back(&verb);
  }
  return absl::StrCat("Usage: ", kProgram, " ", word, " VERB [flags]\n\n", VerbList(below));
}

// In a flag's name '_' is the same as '-'.
std::vector<std::string> Normalised(const std::vector<std::string>& args) {
  std::vector<std::string> normalised = args;
  for (std::string& arg : normalised) {
    if (arg == "--") break;
    if (!absl::StartsWith(arg, "--")) continue;
    const size_t end = std::min(arg.find('='), arg.size());
    std::replace(arg.begin(), arg.begin() + static_cast<std::ptrdiff_t>(end), '_', '-');
  }
  return normalised;
}

// What CLI11 put into the variables of one verb, or of the root.
struct Parsed {
  struct Given {
    const Flag* flag;
    CLI::Option* option;
    std::vector<std::string> values;
  };
  const Verb* verb = nullptr;  // null: the root, or a word that only groups verbs
  std::string name;
  CLI::App* app = nullptr;
  std::vector<std::unique_ptr<Given>> flags;
  std::vector<std::string> positionals;
  bool help = false;
};

void AddFlags(const std::vector<Flag>& flags, Parsed* parsed) {
  for (const Flag& flag : flags) {
    parsed->flags.push_back(std::make_unique<Parsed::Given>(Parsed::Given{&flag, nullptr, {}}));
    Parsed::Given& given = *parsed->flags.back();
    const std::string names =
        absl::StrCat(flag.letter != 0 ? absl::StrCat("-", std::string(1, flag.letter), ",") : "",
                     "--", flag.name);
    if (flag.takes == Flag::Takes::kValue || flag.takes == Flag::Takes::kValues) {
      given.option =
          parsed->app->add_option(names, given.values)->allow_extra_args(false)->expected(1);
    } else {
      given.option = parsed->app->add_flag(names, given.values);
    }
    given.option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
}

CLI::App* AddApp(CLI::App* parent, const std::string& word) {
  CLI::App* const app = parent->add_subcommand(word);
  app->fallthrough();
  app->allow_extras();
  app->set_help_flag();
  return app;
}

struct UsageError {
  std::string text;
  std::string hint;
};

std::string HelpHint(absl::string_view name) {
  return absl::StrCat("`", kProgram, name.empty() ? "" : " ", name, " --help` lists what there is");
}

// All of the command line, laid out for CLI11, which cuts it into pieces; what the pieces mean is
// decided here.
class CommandLine {
 public:
  // `verbs` must outlive this object.
  explicit CommandLine(const std::vector<Verb>& verbs) {
    root_.set_help_flag();
    root_.allow_extras();
    root_.require_subcommand(0, 1);
    AddNode("", nullptr, &root_);
    AddFlags(GlobalFlags(), nodes_.back().get());
    // Words before what stands below them.
    for (const size_t depth : {1, 2}) {
      for (const Verb& verb : verbs) {
        const std::vector<std::string> words = absl::StrSplit(verb.name, ' ');
        if (words.size() == depth) AddVerb(verb, words);
      }
    }
    for (const std::unique_ptr<Parsed>& node : nodes_) {
      node->app->add_flag("-h,--help", node->help);
    }
  }

  // Cuts the command line into the verb, its flags and the rest. Returns what is wrong with it, if
  // anything.
  std::optional<UsageError> Parse(std::vector<std::string> args) {
    const auto end = std::find(args.begin(), args.end(), "--");
    if (end != args.end()) after_dashes_.assign(end + 1, args.end());
    args.erase(end, args.end());
    std::reverse(args.begin(), args.end());
    std::optional<std::string> problem;
    try {
      root_.parse(args);
    } catch (const CLI::ArgumentMismatch& error) {
      const std::string text = error.what();
      problem = absl::StrCat(text.substr(0, text.find(':')), " needs a value");
    } catch (const CLI::ParseError& error) {
      problem = error.what();
    }
    chosen_ = nodes_[0].get();
    for (const std::unique_ptr<Parsed>& node : nodes_) {
      if (node->app->parsed() && node->name.size() >= chosen_->name.size()) chosen_ = node.get();
    }
    if (!problem.has_value()) return std::nullopt;
    return UsageError{*problem, HelpHint(chosen_->name)};
  }

  // After Parse: the node of the verb that was named.
  const Parsed& chosen() const { return *chosen_; }
  const Parsed& root() const { return *nodes_[0]; }
  bool help() const {
    return std::any_of(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->help; });
  }

  // What no flag and no verb took.
  std::vector<std::string> Rest() const { return root_.remaining(true); }
  // What stood after "--": never a flag.
  const std::vector<std::string>& after_dashes() const { return after_dashes_; }

  // The words that may stand after `parent`; "" for the first word.
  std::vector<std::string> Words(absl::string_view parent) const {
    std::vector<std::string> words;
    for (const std::unique_ptr<Parsed>& node : nodes_) {
      if (node->name.empty()) continue;
      absl::string_view rest = node->name;
      if (!parent.empty() && !absl::ConsumePrefix(&rest, absl::StrCat(parent, " "))) continue;
      if (rest.find(' ') == absl::string_view::npos) words.emplace_back(rest);
    }
    return words;
  }

  // Whether some verb lies below this one.
  bool Groups(absl::string_view name) const { return !Words(name).empty() && !name.empty(); }

 private:
  void AddVerb(const Verb& verb, const std::vector<std::string>& words) {
    CLI::App* parent = &root_;
    if (words.size() == 2) {
      const Parsed* const above = NodeOf(words[0]);
      parent = above != nullptr ? above->app : AddNode(words[0], nullptr, AddApp(&root_, words[0]));
      parent->require_subcommand(0, 1);
    }
    AddNode(verb.name, &verb, AddApp(parent, words.back()));
    AddFlags(verb.flags, nodes_.back().get());
  }

  CLI::App* AddNode(const std::string& name, const Verb* verb, CLI::App* app) {
    nodes_.push_back(std::make_unique<Parsed>());
    nodes_.back()->name = name;
    nodes_.back()->verb = verb;
    nodes_.back()->app = app;
    return app;
  }

  const Parsed* NodeOf(absl::string_view name) const {
    for (const std::unique_ptr<Parsed>& node : nodes_) {
      if (node->name == name) return node.get();
    }
    return nullptr;
  }

  CLI::App root_;
  std::vector<std::string> after_dashes_;
  const Parsed* chosen_ = nullptr;
  std::vector<std::unique_ptr<Parsed>> nodes_;
};

std::vector<std::string> LongNames(const Parsed& node) {
  std::vector<std::string> names;
  for (const auto& given : node.flags) names.push_back(absl::StrCat("--", given->flag->name));
  for (const Flag& flag : GlobalFlags()) names.push_back(absl::StrCat("--", flag.name));
  names.push_back("--help");
  return names;
}

// Checks the values of one node's flags and copies them.
std::optional<UsageError> TakeFlags(const Parsed& node, absl::string_view help_of,
                                    Arguments* arguments) {
  for (const auto& given : node.flags) {
    const Flag& flag = *given->flag;
    const std::string name = absl::StrCat("--", flag.name);
    if (given->option->count() == 0) {
      if (flag.required == Flag::Required::kYes) {
        return UsageError{absl::StrCat(name, " ", flag.value, " is missing"), HelpHint(help_of)};
      }
      continue;
    }
    if (flag.takes == Flag::Takes::kNothing) {
      if (given->values.back() != "true") {
        return UsageError{absl::StrCat(name, " takes no value"), HelpHint(help_of)};
      }
    }
    if (flag.takes == Flag::Takes::kValue && given->values.size() > 1) {
      return UsageError{absl::StrCat(name, " is given twice"), HelpHint(help_of)};
    }
    for (const std::string& value : given->values) {
      if (!flag.choices.empty() &&
          std::find(flag.choices.begin(), flag.choices.end(), value) == flag.choices.end()) {
        return UsageError{
            absl::StrCat(name, " cannot be \"", value, "\"", DidYouMean(value, flag.choices)),
            absl::StrCat("it is one of ", absl::StrJoin(flag.choices, ", "))};
      }
      arguments->Add(flag.name, value);
    }
  }
  return std::nullopt;
}

// Sorts what no flag took into unknown flags, unknown verbs and the verb's own arguments.
std::optional<UsageError> TakeRest(const CommandLine& line, const Parsed& node,
                                   Arguments* arguments) {
  for (const std::string& arg : line.Rest()) {
    const bool is_flag = arg.size() > 1 && arg[0] == '-';
    // An unknown verb explains the unknown flags behind it.
    if (is_flag && (node.verb != nullptr || arguments->positionals().empty())) {
      const std::string name = arg.substr(0, arg.find('='));
      return UsageError{absl::StrCat("unknown flag ", name, DidYouMean(name, LongNames(node))),
                        HelpHint(node.name)};
    }
    if (!is_flag) arguments->AddPositional(arg);
  }
  for (const std::string& arg : line.after_dashes()) arguments->AddPositional(arg);
  const std::vector<std::string>& given = arguments->positionals();
  if (node.verb == nullptr || (line.Groups(node.name) && node.verb->positionals.at_most == 0)) {
    if (!given.empty()) {
      const std::string above = absl::StrCat(node.name, node.name.empty() ? "" : " ");
      const std::string meant = Suggest(given[0], line.Words(node.name));
      return UsageError{
          absl::StrCat("unknown verb \"", above, given[0], "\"",
                       meant.empty() ? "" : absl::StrCat("; did you mean \"", above, meant, "\"?")),
          HelpHint(node.name)};
    }
    if (node.verb == nullptr) {
      return UsageError{node.name.empty()
                            ? "no verb is given"
                            : absl::StrCat("\"", node.name, "\" needs a verb: ",
                                           absl::StrJoin(line.Words(node.name), ", ")),
                        HelpHint(node.name)};
    }
  }
  const Positionals& wanted = node.verb->positionals;
  if (given.size() < static_cast<size_t>(wanted.at_least)) {
    return UsageError{absl::StrCat(wanted.name, " is missing"), HelpHint(node.name)};
  }
  if (given.size() > static_cast<size_t>(wanted.at_most)) {
    return UsageError{
        absl::StrCat("unexpected argument \"", given[static_cast<size_t>(wanted.at_most)], "\""),
        HelpHint(node.name)};
  }
  return std::nullopt;
}

ExitCode Usage(const UsageError& error, Output* out) {
  Failure failure(absl::InvalidArgumentError(error.text), error.hint);
  failure.exit_code = ExitCode::kUsage;
  return out->Fail(failure);
}

// The formats and colours, as far as they can be known: they are wanted for the first error
// already.
Output::Settings SettingsOf(const Arguments& globals, const Surroundings& surroundings) {
  Output::Settings settings;
  settings.format = ParseFormat(globals.ValueOr("output", "table")).value_or(Format::kTable);
  settings.quiet = globals.Has("quiet");
  const auto no_color = surroundings.environment.find("NO_COLOR");
  const bool plain = globals.Has("no-color") ||
                     (no_color != surroundings.environment.end() && !no_color->second.empty());
  settings.colour_out = surroundings.out_is_terminal && !plain;
  settings.colour_err = surroundings.err_is_terminal && !plain;
  return settings;
}

}  // namespace

const std::vector<Flag>& GlobalFlags() {
  static const auto* const kFlags = new std::vector<Flag>{
      {.name = "output",
       .value = "FORMAT",
       .help = "how data is shown",
       .letter = 'o',
       .choices = FormatNames()},
      {.name = "namespace",
       .value = "NAME",
       .help = "the namespace; \"default\" unless given",
       .letter = 'n'},
      {.name = "server", .value = "ADDRESS", .help = "the daemon: unix:PATH or HOST:PORT"},
      {.name = "timeout",
       .value = "DURATION",
       .help = "how long to wait for an answer; 10s unless given"},
      {.name = "quiet", .help = "say nothing but data and errors", .letter = 'q'},
      {.name = "yes", .help = "do not ask", .letter = 'y'},
      {.name = "no-color", .help = "no colours (as with NO_COLOR set)"},
  };
  return *kFlags;
}

ExitCode RunApp(const std::vector<std::string>& args, const std::vector<Verb>& verbs,
                const Surroundings& surroundings) {
  Output out(surroundings.out, surroundings.err);
  CommandLine line(verbs);
  const std::optional<UsageError> unreadable = line.Parse(Normalised(args));
  const Parsed& node = line.chosen();

  Arguments globals;
  const std::optional<UsageError> bad_global = TakeFlags(line.root(), line.chosen().name, &globals);
  out.Configure(SettingsOf(globals, surroundings));
  if (unreadable.has_value()) return Usage(*unreadable, &out);

  const Verb* const verb = node.verb;
  if (line.help()) {
    out.Write(verb != nullptr     ? VerbHelp(*verb, verbs)
              : node.name.empty() ? RootHelp(verbs)
                                  : GroupHelp(node.name, verbs));
    return out.Flush() ? ExitCode::kDone : ExitCode::kUnavailable;
  }
  Arguments arguments;
  if (const auto error = TakeRest(line, node, &arguments)) return Usage(*error, &out);
  if (bad_global.has_value()) return Usage(*bad_global, &out);
  if (const auto error = TakeFlags(node, node.name, &arguments)) return Usage(*error, &out);

  Context context = {.out = &out, .in = surroundings.in, .environment = &surroundings.environment};
  context.namespace_name = globals.ValueOr("namespace", context.namespace_name);
  context.server = globals.ValueOr("server", "");
  context.quiet = globals.Has("quiet");
  context.yes = globals.Has("yes");
  context.root = surroundings.root;
  if (const std::optional<std::string> timeout = globals.Value("timeout")) {
    if (!absl::ParseDuration(*timeout, &context.timeout) ||
        context.timeout <= absl::ZeroDuration()) {
      return Usage(
          {absl::StrCat("--timeout cannot be \"", *timeout, "\""), "a duration is 500ms, 10s, 5m"},
          &out);
    }
  }
  const ExitCode code = verb->run(context, arguments);
  if (!out.Flush())
    return out.Fail(Failure(absl::UnavailableError("the output cannot be written")));
  return code;
}

int RunApp(int argc, char** argv, const std::vector<Verb>& verbs) {
  Surroundings surroundings = {.in = &std::cin, .out = &std::cout, .err = &std::cerr};
  surroundings.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  surroundings.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  surroundings.root = ::geteuid() == 0;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (const char* const equals = std::strchr(*entry, '=')) {
      surroundings.environment.emplace(std::string(*entry, static_cast<size_t>(equals - *entry)),
                                       equals + 1);
    }
  }
  return static_cast<int>(
      RunApp(std::vector<std::string>(argv + 1, argv + argc), verbs, surroundings));
}

}  // namespace signalbox::cli
