#include "cli/option_flags.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "options/table.h"

namespace signalbox::cli {

std::vector<Flag> OptionFlags() {
  std::vector<Flag> flags = {
      {.name = "config", .value = "FILE", .help = "the TOML file to read instead of the default"}};
  for (const options::Option& option : options::Table()) {
    if (options::IsEnvironmentOnly(option)) continue;
    Flag flag = {.name = options::FlagName(option),
                 .value = options::ValueName(option),
                 .help = option.help};
    if (!option.otherwise.empty())
      absl::StrAppend(&flag.help, "; ", option.otherwise, " unless given");
    if (option.type == options::Type::kBool) flag.takes = Flag::Takes::kBool;
    flags.push_back(std::move(flag));
  }
  return flags;
}

options::Sources SourcesOf(const Context& context, const Arguments& arguments) {
  options::Sources sources = {.file = arguments.Value("config"),
                              .environment = *context.environment};
  sources.root = context.root;
  for (const options::Option& option : options::Table()) {
    if (const std::optional<std::string> value = arguments.Value(options::FlagName(option))) {
      sources.flags.emplace_back(option.key, *value);
    }
  }
  return sources;
}

absl::StatusOr<LoadedOptions> LoadOptions(const Context& context, const Arguments& arguments) {
  const options::Sources sources = SourcesOf(context, arguments);
  options::Options options = options::Options::Read(sources);
  SB_ASSIGN_OR_RETURN(options::Settings settings, options::Settings::Resolve(options, sources));
  return LoadedOptions{std::move(options), std::move(settings)};
}

}  // namespace signalbox::cli
