#include "cli/status_verb.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/admin_json.h"
#include "cli/human.h"

namespace signalbox::cli {
namespace {

using admin::v1::InfoResponse;
using admin::v1::Node;

// Problems that the summary names; the rest is counted.
constexpr size_t kProblemsShown = 3;

bool HasProblem(const Node& node) {
  return node.state() == admin::v1::NACK || node.state() == admin::v1::STALE;
}

std::string Headline(const InfoResponse& info, absl::Time now) {
  std::string line =
      absl::StrCat("signalbox ", Printable(info.version()), "  store ", Printable(info.store()),
                   " ", HumanBytes(info.store_bytes()), ", schema ", info.schema_version());
  if (!info.store_problem().empty()) return line;
  if (!info.has_head()) return absl::StrCat(line, "     revision 0, nothing applied yet");
  absl::StrAppend(&line, "     revision ", info.head().revision(), "  ",
                  Printable(info.head().author()), " ",
                  HumanDuration(now - ToTime(info.head().time())), " ago");
  if (!info.head().message().empty())
    absl::StrAppend(&line, " \"", Printable(info.head().message()), "\"");
  return line;
}

// A line of its own; none where the store has no servers.
std::vector<std::string> StandbyLines(const InfoResponse& info) {
  if (!info.has_standbys()) return {};
  if (info.standbys().synchronous().empty())
    return {"standbys  none is synchronous: what was acknowledged is lost with the server"};
  std::string line =
      absl::StrCat("standbys  synchronous: ", Printable(info.standbys().synchronous()));
  if (info.standbys().has_connected())
    absl::StrAppend(&line, ", ", info.standbys().connected(), " connected");
  return {line};
}

std::string Fleet(const InfoResponse& info) {
  int total = 0;
  std::vector<std::string> parts;
  // In the order of the API's states, which is the order in which they worry.
  for (int state = admin::v1::NodeState_MIN; state <= admin::v1::NodeState_MAX; ++state) {
    const auto found = info.nodes().find(StateName(static_cast<admin::v1::NodeState>(state)));
    if (found == info.nodes().end() || found->second == 0) continue;
    total += found->second;
    parts.push_back(absl::StrCat(found->second, " ", absl::AsciiStrToLower(found->first)));
  }
  return absl::StrCat("proxies   ", total, parts.empty() ? "" : ": ", absl::StrJoin(parts, "  "));
}

std::string Resources(const InfoResponse& info) {
  const std::map<std::string, int> sorted(info.resources().begin(), info.resources().end());
  std::string line = absl::StrCat("serving   revision ", info.served_revision());
  for (const auto& [kind, count] : sorted) absl::StrAppend(&line, "  ", count, " ", kind);
  return line;
}

std::string Addresses(const InfoResponse& info, absl::Time now) {
  std::string line = absl::StrCat("listening xds ", Printable(info.xds_address()));
  if (!info.http_address().empty())
    absl::StrAppend(&line, "  http ", Printable(info.http_address()));
  absl::StrAppend(&line, "  pid ", info.pid());
  if (info.has_started())
    absl::StrAppend(&line, "  up ", HumanDuration(now - ToTime(info.started())));
  return line;
}

std::vector<std::string> Problems(const InfoResponse& info, const std::vector<Node>& nodes,
                                  absl::Time now) {
  std::vector<std::string> problems;
  if (!info.store_problem().empty())
    problems.push_back(absl::StrCat("store: ", Printable(info.store_problem())));
  for (const Node& node : nodes) {
    if (!HasProblem(node)) continue;
    std::string problem = absl::StrCat(Printable(node.id()), " ", StateName(node.state()), " ",
                                       HumanDuration(now - ToTime(node.since())));
    if (!node.detail().empty()) absl::StrAppend(&problem, "  ", Printable(node.detail()));
    problems.push_back(std::move(problem));
  }
  return problems;
}

std::string ProblemLines(const std::vector<std::string>& problems, bool all) {
  if (problems.empty()) return "problems  none";
  const size_t shown = all ? problems.size() : std::min(problems.size(), kProblemsShown);
  std::string text = absl::StrCat(
      "problems  ", problems.size(), ": ",
      absl::StrJoin(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(shown),
                    "\n          "));
  if (shown < problems.size())
    absl::StrAppend(&text, "\n          all of them: signalbox status --problems");
  return text;
}

ExitCode Status(Context& context, const Arguments& arguments) {
  absl::StatusOr<std::unique_ptr<AdminClient>> client = Connect(context);
  if (!client.ok()) return context.out->Fail(AdminFailure(client.status()));
  const absl::StatusOr<InfoResponse> info = (*client)->Info();
  if (!info.ok()) return context.out->Fail(AdminFailure(info.status()));
  std::vector<Node> troubled;
  if (info->nodes().contains("NACK") || info->nodes().contains("STALE")) {
    absl::StatusOr<AdminClient::Nodes> nodes = (*client)->ListNodes();
    if (!nodes.ok()) return context.out->Fail(AdminFailure(nodes.status()));
    for (Node& node : nodes->nodes) {
      if (HasProblem(node)) troubled.push_back(std::move(node));
    }
  }
  context.out->Print(StatusReport(*info, troubled, absl::Now(), arguments.Has("problems")));
  return ExitCode::kDone;
}

}  // namespace

Report StatusReport(const InfoResponse& info, const std::vector<Node>& nodes, absl::Time now,
                    bool problems_only) {
  Report report;
  report.kind = "Status";
  report.data = ToJson(info);
  Json troubled = Json::Array();
  for (const Node& node : nodes) troubled.Append(ToJson(node));
  report.data.Set("problem_nodes", troubled);
  const std::string problems = ProblemLines(Problems(info, nodes, now), problems_only);
  if (problems_only) {
    report.text = problems;
    return report;
  }
  std::vector<std::string> lines = StandbyLines(info);
  lines.insert(lines.begin(), Headline(info, now));
  for (std::string line : {Resources(info), Fleet(info), problems, Addresses(info, now)})
    lines.push_back(std::move(line));
  report.text = absl::StrJoin(lines, "\n");
  return report;
}

Verb StatusVerb() {
  return {.name = "status",
          .group = Verb::Group::kFleet,
          .help = "Show the daemon, its store and the fleet in a few lines",
          .example = "signalbox status\nsignalbox status --problems",
          .flags = {{.name = "problems", .help = "only what is wrong, all of it"}},
          .run = Status};
}

}  // namespace signalbox::cli
