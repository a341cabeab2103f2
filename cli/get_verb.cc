#include "cli/get_verb.h"

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

absl::Status Fetch(AdminClient* client, const ResourceName& name, Found* found) {
  if (!name.name().empty()) {
    SB_ASSIGN_OR_RETURN(Resource resource, client->Get(name));
    Add(std::move(resource), found);
    return absl::OkStatus();
  }
  SB_ASSIGN_OR_RETURN(std::vector<Resource> resources,
                      client->List(name.namespace_(), name.kind()));
  for (Resource& resource : resources) Add(std::move(resource), found);
  return absl::OkStatus();
}

ExitCode Get(Context& context, const Arguments& arguments) {
  std::vector<ResourceName> names;
  for (const std::string& text : arguments.positionals()) {
    absl::StatusOr<ResourceName> name = ParseResourceName(text, context.namespace_name);
    if (!name.ok()) {
      Failure failure(name.status(), "signalbox get cluster, signalbox get cluster/payments");
      failure.exit_code = ExitCode::kUsage;
      return context.out->Fail(failure);
    }
    names.push_back(*std::move(name));
  }
  absl::StatusOr<std::unique_ptr<AdminClient>> client = Connect(context);
  if (!client.ok()) return context.out->Fail(AdminFailure(client.status()));
  Found found;
  for (const ResourceName& name : names) {
    const absl::Status status = Fetch(client->get(), name, &found);
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
      .example = "signalbox get cluster\nsignalbox get cluster/payments -o yaml",
      .positionals = {.name = "KIND[/NAME]",
                      .help = "a kind (listener, route, cluster, endpoints), or one resource of it",
                      .at_least = 1,
                      .at_most = Positionals::kAny},
      .run = Get};
}

}  // namespace signalbox::cli
