#include "cli/get_verb.h"

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "cli/admin_client.h"
#include "cli/admin_json.h"
#include "cli/commit.h"

namespace signalbox::cli {
namespace {

using admin::v1::Resource;
using admin::v1::ResourceName;
using Found = std::map<std::tuple<std::string, std::string, std::string>, Resource>;

void Add(Resource resource, Found* found) {
  auto key = std::make_tuple(resource.namespace_(), resource.kind(), resource.name());
  found->insert_or_assign(std::move(key), std::move(resource));
}

// A word as a filter may have it.
std::string Quoted(absl::string_view word) {
  return absl::StrCat("\"", absl::StrReplaceAll(word, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

// What --filter and --label ask for together.
//   kInvalidArgument  a label without '='
absl::StatusOr<std::string> FilterIn(const Arguments& arguments) {
  std::vector<std::string> terms;
  if (std::string filter = arguments.ValueOr("filter", ""); !filter.empty())
    terms.push_back(std::move(filter));
  for (const std::string& label : arguments.Values("label")) {
    const std::vector<std::string> parts = absl::StrSplit(label, absl::MaxSplits('=', 1));
    if (parts.size() != 2 || parts[0].empty())
      return absl::InvalidArgumentError(absl::StrCat("\"", label, "\" is not KEY=VALUE"));
    terms.push_back(absl::StrCat("label.", Quoted(parts[0]), "=", Quoted(parts[1])));
  }
  return absl::StrJoin(terms, " AND ");
}

absl::Status Fetch(AdminClient* client, const ResourceName& name, const std::string& filter,
                   admin::v1::View view, Found* found) {
  if (!name.name().empty()) {
    SB_ASSIGN_OR_RETURN(Resource resource, client->Get(name, view));
    Add(std::move(resource), found);
    return absl::OkStatus();
  }
  SB_ASSIGN_OR_RETURN(std::vector<Resource> resources,
                      client->List(name.namespace_(), name.kind(), filter, view));
  for (Resource& resource : resources) Add(std::move(resource), found);
  return absl::OkStatus();
}

ExitCode Usage(Context& context, absl::Status status, std::string hint) {
  Failure failure(std::move(status), std::move(hint));
  failure.exit_code = ExitCode::kUsage;
  return context.out->Fail(failure);
}

ExitCode Get(Context& context, const Arguments& arguments) {
  const absl::StatusOr<std::string> filter = FilterIn(arguments);
  if (!filter.ok()) return Usage(context, filter.status(), "signalbox get cluster -l env=prod");
  std::vector<ResourceName> names;
  for (const std::string& text : arguments.positionals()) {
    absl::StatusOr<ResourceName> name = ParseResourceName(text, context.namespace_name);
    if (!name.ok())
      return Usage(context, name.status(), "signalbox get cluster, signalbox get cluster/payments");
    if (!name->name().empty() && !filter->empty()) {
      return Usage(context,
                   absl::InvalidArgumentError(absl::StrCat(
                       "\"", text, "\" names one resource, and a filter is for a kind")),
                   absl::StrCat("signalbox get ", name->kind(), " with the same filter"));
    }
    names.push_back(*std::move(name));
  }
  absl::StatusOr<std::unique_ptr<AdminClient>> client = Connect(context);
  if (!client.ok()) return context.out->Fail(AdminFailure(client.status()));
  const admin::v1::View view = arguments.Has("reveal") ? admin::v1::FULL : admin::v1::REDACTED;
  Found found;
  for (const ResourceName& name : names) {
    const absl::Status status = Fetch(client->get(), name, *filter, view, &found);
    if (!status.ok()) return context.out->Fail(AdminFailure(status));
  }
  std::vector<Resource> resources;
  for (auto& [key, resource] : found) resources.push_back(std::move(resource));
  const bool one = names.size() == 1 && !names[0].name().empty();
  context.out->Print(ResourceReport(resources, one ? Shape::kObject : Shape::kList));
  if (resources.empty()) context.out->Say("nothing found");
  return ExitCode::kDone;
}

std::string Labels(const Resource& resource) {
  const std::map<std::string, std::string> sorted(resource.labels().begin(),
                                                  resource.labels().end());
  return absl::StrJoin(sorted, ",", absl::PairFormatter("="));
}

}  // namespace

Report ResourceReport(const std::vector<Resource>& resources, Shape shape) {
  Report report;
  Json list = Json::Array();
  report.table.columns = {{"KIND"},
                          {"NAME"},
                          {"REVISION", Column::Align::kRight},
                          {"GROUPS"},
                          {"LABELS"},
                          {"NAMESPACE", Column::Align::kLeft, Column::Shown::kWide},
                          {"OWNER", Column::Align::kLeft, Column::Shown::kWide},
                          {"SOURCE", Column::Align::kLeft, Column::Shown::kWide}};
  for (const Resource& resource : resources) {
    list.Append(ToJson(resource));
    report.names.push_back(ShortName(resource.kind(), resource.name()));
    report.table.rows.push_back(
        {resource.kind(), resource.name(), absl::StrCat(resource.revision()),
         resource.groups_size() == 0 ? "all" : absl::StrJoin(resource.groups(), ","),
         Labels(resource), resource.namespace_(), resource.owner(), resource.source()});
  }
  report.kind = shape == Shape::kObject ? "Resource" : "ResourceList";
  report.data = shape == Shape::kObject ? list.elements().front() : list;
  return report;
}

Verb GetVerb() {
  return {
      .name = "get",
      .group = Verb::Group::kConfig,
      .help = "Show resources as they are stored",
      .example =
          "signalbox get cluster\nsignalbox get cluster/payments -o yaml\n"
          "signalbox get cluster -l env=prod\n"
          "signalbox get listener --filter 'label.env=prod AND changed_since=412'",
      .flags = {{.name = "label",
                 .value = "KEY=VALUE",
                 .help = "only what has this label; as often as wanted",
                 .letter = 'l',
                 .takes = Flag::Takes::kValues},
                {.name = "filter",
                 .value = "FILTER",
                 .help = "only what matches: label.KEY=VALUE, group=NAME, changed_since=REVISION, "
                         "joined by AND"},
                {.name = "reveal",
                 .help = "show what secrets keep secret; each read stands in the audit log"}},
      .positionals = {.name = "KIND[/NAME]",
                      .help = "a kind (listener, route, cluster, ...), or one resource of it",
                      .at_least = 1,
                      .at_most = Positionals::kAny},
      .run = Get};
}

}  // namespace signalbox::cli
