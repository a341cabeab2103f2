#include "cli/nodes_verbs.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/admin_json.h"
#include "cli/human.h"

namespace signalbox::cli {
namespace {

using admin::v1::Node;
using admin::v1::NodeType;

// The types that have a column, by kind.
constexpr std::pair<const char*, const char*> kTypeColumns[] = {
    {"listener", "LDS"}, {"route", "RDS"}, {"cluster", "CDS"}, {"endpoints", "EDS"}};

Tone ToneOf(admin::v1::NodeState state) {
  switch (state) {
    case admin::v1::SYNCED:
      return Tone::kGood;
    case admin::v1::NACK:
      return Tone::kBad;
    case admin::v1::STALE:
      return Tone::kWarning;
    case admin::v1::IDLE:
    case admin::v1::GONE:
      return Tone::kFaint;
    default:
      return Tone::kPlain;
  }
}

Cell StateCell(admin::v1::NodeState state) { return Cell(StateName(state), ToneOf(state)); }

// "ok", "X" for refused, "." for unanswered, "held", "-" for not subscribed.
Cell TypeCell(const Node& node, const std::string& kind) {
  for (const NodeType& type : node.types()) {
    if (type.kind() != kind) continue;
    switch (type.state()) {
      case admin::v1::SYNCED:
        return Cell("ok", Tone::kGood);
      case admin::v1::NACK:
        return Cell("X", Tone::kBad);
      case admin::v1::HELD:
        return Cell("held");
      case admin::v1::PENDING:
      case admin::v1::WARMING:
      case admin::v1::STALE:
        return Cell(".", ToneOf(type.state()));
      default:
        return Cell("-", Tone::kFaint);
    }
  }
  return Cell("-", Tone::kFaint);
}

std::string RevisionText(const Node& node) {
  if (node.revision() == 0) return "-";
  return node.behind() == 0 ? absl::StrCat(node.revision())
                            : absl::StrCat(node.revision(), " (-", node.behind(), ")");
}

std::string Since(bool known, const google::protobuf::Timestamp& since, absl::Time now) {
  return known ? HumanDuration(now - ToTime(since)) : "";
}

std::string NameOf(const Node& node) { return absl::StrCat("node/", node.id()); }

absl::StatusOr<AdminClient::Nodes> Fetch(const Context& context, const std::string& id) {
  absl::StatusOr<std::unique_ptr<AdminClient>> client = Connect(context);
  if (!client.ok()) return client.status();
  return (*client)->ListNodes(id);
}

ExitCode List(Context& context, const Arguments& arguments) {
  const absl::StatusOr<AdminClient::Nodes> nodes = Fetch(context, "");
  if (!nodes.ok()) return context.out->Fail(AdminFailure(nodes.status()));
  context.out->Print(NodesReport(nodes->nodes, absl::Now()));
  if (nodes->nodes.empty()) {
    context.out->Say(
        "no proxy is connected; make a configuration for one with: signalbox bootstrap envoy");
  }
  return ExitCode::kDone;
}

ExitCode Get(Context& context, const Arguments& arguments) {
  const std::string& id = arguments.positionals()[0];
  const absl::StatusOr<AdminClient::Nodes> nodes = Fetch(context, id);
  if (!nodes.ok()) return context.out->Fail(AdminFailure(nodes.status()));
  if (nodes->nodes.empty()) {
    return context.out->Fail({absl::NotFoundError(absl::StrCat("there is no node \"", id, "\"")),
                              "who is connected: signalbox nodes"});
  }
  const bool one = nodes->nodes.size() == 1;
  context.out->Print(one ? NodeReport(nodes->nodes[0], absl::Now())
                         : NodesReport(nodes->nodes, absl::Now()));
  return ExitCode::kDone;
}

}  // namespace

Report NodesReport(const std::vector<Node>& nodes, absl::Time now) {
  Report report;
  report.kind = "NodeList";
  report.data = Json::Array();
  report.table.columns = {{"NODE"}, {"GROUP"}, {"STATE"}, {"REVISION"}};
  for (const auto& [kind, title] : kTypeColumns)
    report.table.columns.emplace_back(title, Column::Align::kRight);
  report.table.columns.insert(report.table.columns.end(),
                              {{"CLIENT"},
                               {"VARIANT", Column::Align::kLeft, Column::Shown::kWide},
                               {"NAMESPACE", Column::Align::kLeft, Column::Shown::kWide},
                               {"CONNECTED", Column::Align::kLeft, Column::Shown::kWide},
                               {"SINCE"},
                               {"DETAIL"}});
  for (const Node& node : nodes) {
    report.data.Append(ToJson(node));
    report.names.push_back(NameOf(node));
    std::vector<Cell> row = {node.id(), node.group(), StateCell(node.state()), RevisionText(node)};
    for (const auto& [kind, title] : kTypeColumns) row.push_back(TypeCell(node, kind));
    row.insert(row.end(), {node.client(), node.variant(), node.namespace_(),
                           Since(node.has_connected(), node.connected(), now),
                           Since(node.has_since(), node.since(), now), node.detail()});
    report.table.rows.push_back(std::move(row));
  }
  return report;
}

Report NodeReport(const Node& node, absl::Time now) {
  Report report;
  report.kind = "Node";
  report.data = ToJson(node);
  report.names = {NameOf(node)};
  report.text = absl::StrCat(
      "node      ", Printable(node.id()), "  group ", Printable(node.group()), "\nclient    ",
      Printable(node.client()), "  ", Printable(node.variant()), "  connected ",
      Since(node.has_connected(), node.connected(), now), "\nstate     ", StateName(node.state()),
      " since ", Since(node.has_since(), node.since(), now), "\nrevision  ", RevisionText(node));
  if (!node.detail().empty())
    absl::StrAppend(&report.text, "\ndetail    ", Printable(node.detail()));
  report.table.columns = {{"KIND"},  {"STATE"},   {"REVISION", Column::Align::kRight},
                          {"SINCE"}, {"REFUSED"}, {"DETAIL"}};
  for (const NodeType& type : node.types()) {
    report.table.rows.push_back({type.kind(), StateCell(type.state()),
                                 type.revision() == 0 ? "-" : absl::StrCat(type.revision()),
                                 Since(type.has_since(), type.since(), now),
                                 absl::StrJoin(type.refused(), ","),
                                 type.error().empty() ? type.detail() : type.error()});
  }
  if (report.table.rows.empty()) report.table.columns.clear();
  return report;
}

Verb NodesVerb() {
  Verb verb = NodesListVerb();
  verb.name = "nodes";
  verb.example = "signalbox nodes\nsignalbox nodes get edge-1";
  return verb;
}

Verb NodesListVerb() {
  return {.name = "nodes list",
          .group = Verb::Group::kFleet,
          .help = "Show the proxies, and how far each of them is",
          .example = "signalbox nodes list -o wide",
          .run = List};
}

Verb NodesGetVerb() {
  return {.name = "nodes get",
          .group = Verb::Group::kFleet,
          .help = "Show one proxy, type by type",
          .example = "signalbox nodes get edge-1",
          .positionals = {.name = "ID", .help = "the proxy's node.id", .at_least = 1, .at_most = 1},
          .run = Get};
}

}  // namespace signalbox::cli
