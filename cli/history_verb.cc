#include "cli/history_verb.h"

#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/admin_json.h"
#include "cli/commit.h"
#include "cli/human.h"

namespace signalbox::cli {
namespace {

using admin::v1::ResourceName;
using admin::v1::RevisionEntry;

constexpr char kDefaultLimit[] = "50";

ExitCode Usage(Context& context, absl::Status status, std::string hint) {
  Failure failure(std::move(status), std::move(hint));
  failure.exit_code = ExitCode::kUsage;
  return context.out->Fail(failure);
}

ExitCode History(Context& context, const Arguments& arguments) {
  std::optional<ResourceName> resource;
  if (!arguments.positionals().empty()) {
    const std::string& text = arguments.positionals()[0];
    absl::StatusOr<ResourceName> name = ParseResourceName(text, context.namespace_name);
    if (name.ok() && name->name().empty()) {
      name = absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\" names no resource: write KIND/NAME"));
    }
    if (!name.ok()) return Usage(context, name.status(), "signalbox history cluster/payments");
    resource = *std::move(name);
  }
  int limit = 0;
  const std::string limit_text = arguments.ValueOr("limit", kDefaultLimit);
  if (!absl::SimpleAtoi(limit_text, &limit) || limit < 0) {
    return Usage(context,
                 absl::InvalidArgumentError(absl::StrCat("--limit cannot be \"", limit_text, "\"")),
                 "a number, 0 for all");
  }
  absl::StatusOr<std::unique_ptr<AdminClient>> client = Connect(context);
  if (!client.ok()) return context.out->Fail(AdminFailure(client.status()));
  const absl::StatusOr<std::vector<RevisionEntry>> revisions =
      (*client)->ListRevisions(resource, limit == 0 ? std::numeric_limits<int>::max() : limit);
  if (!revisions.ok()) return context.out->Fail(AdminFailure(revisions.status()));
  context.out->Print(HistoryReport(*revisions, absl::Now()));
  if (revisions->empty()) context.out->Say("nothing found");
  return ExitCode::kDone;
}

}  // namespace

Report HistoryReport(const std::vector<RevisionEntry>& revisions, absl::Time now) {
  Report report{.kind = "RevisionList", .data = Json::Array()};
  report.table.columns = {{"REVISION", Column::Align::kRight},
                          {"AGE", Column::Align::kRight},
                          {"AUTHOR"},
                          {"KIND"},
                          {"MESSAGE"},
                          {"DIGEST", Column::Align::kLeft, Column::Shown::kWide}};
  for (const RevisionEntry& entry : revisions) {
    const admin::v1::RevisionInfo& info = entry.info();
    report.data.Append(ToJson(entry));
    report.names.push_back(absl::StrCat("revision/", info.revision()));
    report.table.rows.push_back(
        {absl::StrCat(info.revision()), HumanDuration(now - ToTime(info.time())), info.author(),
         entry.removed() ? absl::StrCat(info.kind(), ", removed") : info.kind(), info.message(),
         info.digest()});
  }
  return report;
}

Verb HistoryVerb() {
  return {.name = "history",
          .group = Verb::Group::kConfig,
          .help = "Show the revisions, or those that changed one resource, the newest first",
          .example = "signalbox history\nsignalbox history cluster/payments -o json",
          .flags = {{.name = "limit",
                     .value = "N",
                     .help = absl::StrCat("at most as many, 0 for all; ", kDefaultLimit,
                                          " unless given")}},
          .positionals = {.name = "KIND/NAME", .help = "a resource, there or not", .at_most = 1},
          .run = History};
}

}  // namespace signalbox::cli
