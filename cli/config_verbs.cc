#include "cli/config_verbs.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/option_flags.h"
#include "options/options.h"
#include "options/settings.h"
#include "options/table.h"

namespace signalbox::cli {
namespace {

ExitCode Refuse(Context& context, const absl::Status& status) {
  return context.out->Fail({status, "`signalbox config show --help` lists the options"});
}

ExitCode Check(Context& context, const Arguments& arguments) {
  const absl::StatusOr<LoadedOptions> loaded = LoadOptions(context, arguments);
  if (!loaded.ok()) return Refuse(context, loaded.status());
  Report report{.kind = "ConfigCheck"};
  Json files = Json::Array();
  for (const std::string& file : loaded->options.files()) files.Append(file);
  report.data = Json::Object({{"valid", true}, {"files", std::move(files)}});
  report.text = loaded->options.files().empty()
                    ? "the configuration is valid; there is no file"
                    : absl::StrCat("the configuration is valid: ",
                                   absl::StrJoin(loaded->options.files(), ", "));
  context.out->Print(report);
  return ExitCode::kDone;
}

ExitCode Show(Context& context, const Arguments& arguments) {
  const absl::StatusOr<LoadedOptions> loaded = LoadOptions(context, arguments);
  if (!loaded.ok()) return Refuse(context, loaded.status());
  const Column::Shown origin_shown =
      arguments.Has("origin") ? Column::Shown::kAlways : Column::Shown::kWide;
  Report report{.kind = "ConfigOptionList", .data = Json::Array()};
  report.table.columns = {{"KEY"}, {"VALUE"}, {"ORIGIN", Column::Align::kLeft, origin_shown}};
  for (const options::Option& option : options::Table()) {
    const std::string shown = options::Shown(option, loaded->options, loaded->settings);
    const std::string& origin = loaded->options.Get(option.key).origin;
    report.data.Append(Json::Object({{"key", option.key}, {"value", shown}, {"origin", origin}}));
    report.table.rows.push_back({option.key, shown, Cell(origin, Tone::kFaint)});
    report.names.push_back(option.key);
  }
  context.out->Print(report);
  return ExitCode::kDone;
}

}  // namespace

Verb ConfigCheckVerb() {
  return {.name = "config check",
          .group = Verb::Group::kServer,
          .help = "Check the configuration without starting anything",
          .example = "signalbox config check --config /etc/signalbox/signalbox.toml",
          .flags = OptionFlags(),
          .run = Check};
}

Verb ConfigShowVerb() {
  Verb verb = {.name = "config show",
               .group = Verb::Group::kServer,
               .help = "Show the configuration in effect",
               .example = "signalbox config show --origin",
               .flags = OptionFlags(),
               .run = Show};
  verb.flags.insert(verb.flags.begin(),
                    {.name = "origin", .help = "also where each value was said"});
  return verb;
}

}  // namespace signalbox::cli
