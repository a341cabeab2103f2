#include "cli/config_verbs.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/option_flags.h"
#include "options/options.h"
#include "options/password_file.h"
#include "options/problem.h"
#include "options/reference.h"
#include "options/settings.h"
#include "options/store_settings.h"
#include "options/table.h"

namespace signalbox::cli {
namespace {

ExitCode Refuse(Context& context, const absl::Status& status) {
  return context.out->Fail({status, "`signalbox config reference` lists the options"});
}

// Whether the daemon could read its password, as this user.
absl::Status CheckPassword(const LoadedOptions& loaded) {
  const options::PostgresSettings* const postgres = loaded.settings.store.postgres();
  if (postgres == nullptr || postgres->password_file.empty()) return absl::OkStatus();
  const absl::Status status = options::ReadPasswordFile(postgres->password_file).status();
  if (status.ok()) return status;
  return absl::InvalidArgumentError(
      absl::StrCat(loaded.options.Get("store.password_file").origin.ToString(), ": ",
                   std::string(status.message())));
}

ExitCode Check(Context& context, const Arguments& arguments) {
  const absl::StatusOr<LoadedOptions> loaded = LoadOptions(context, arguments);
  if (!loaded.ok()) return Refuse(context, loaded.status());
  if (const absl::Status password = CheckPassword(*loaded); !password.ok())
    return Refuse(context, password);
  Report report{.kind = "ConfigCheck"};
  Json files = Json::Array();
  for (const std::string& file : loaded->options.files()) files.Append(file);
  Json warnings = Json::Array();
  for (const options::Problem& warning : loaded->settings.warnings) {
    warnings.Append(warning.ToString());
    context.out->Warn(warning.ToString());
  }
  report.data = Json::Object(
      {{"valid", true}, {"files", std::move(files)}, {"warnings", std::move(warnings)}});
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
    const options::Origin& origin = loaded->options.Get(option.key).origin;
    report.data.Append(Json::Object({{"key", option.key},
                                     {"value", shown},
                                     {"source", origin.SourceName()},
                                     {"origin", origin.ToString()}}));
    report.table.rows.push_back({option.key, shown, Cell(origin.ToString(), Tone::kFaint)});
    report.names.push_back(option.key);
  }
  context.out->Print(report);
  return ExitCode::kDone;
}

ExitCode Reference(Context& context, const Arguments& arguments) {
  Report report{.kind = "ConfigReference", .data = options::ReferenceData()};
  report.text = options::ReferencePage();
  report.text.pop_back();  // the last newline
  for (const options::Option& option : options::Table()) report.names.push_back(option.key);
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

Verb ConfigReferenceVerb() {
  return {.name = "config reference",
          .group = Verb::Group::kServer,
          .help = "Print what can be configured",
          .example = "signalbox config reference\nsignalbox config reference -o json",
          .run = Reference};
}

}  // namespace signalbox::cli
