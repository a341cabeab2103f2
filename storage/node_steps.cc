#include "storage/node_steps.h"

#include "absl/strings/numbers.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"

namespace signalbox {

bool Replaces(const KnownNode& known, const NodeRecord& next) {
  if (known.instance == next.instance) return true;
  return next.state != NodeState::kGone && next.connected >= known.connected;
}

bool IsChange(const std::optional<KnownNode>& known, const NodeRecord& next) {
  return !known.has_value() || known->state != next.state || known->group != next.group;
}

std::string AckedJson(const std::map<std::string, Revision>& acked) {
  Json json = Json::Object();
  for (const auto& [type, revision] : acked) json.Set(type, revision.number);
  return json.Dump();
}

absl::StatusOr<std::map<std::string, Revision>> AckedIn(absl::string_view json) {
  const absl::StatusOr<Json> parsed = Json::Parse(json);
  if (!parsed.ok()) return errors::StoreDamaged("what a node has acknowledged is no JSON");
  std::map<std::string, Revision> acked;
  for (const auto& [type, value] : parsed->members()) {
    Revision& revision = acked[type];
    if (!absl::SimpleAtoi(value.text(), &revision.number)) {
      return errors::StoreDamaged("what a node has acknowledged is no revision");
    }
  }
  return acked;
}

absl::Status CheckNodeFilter(const NodeFilter& filter, const std::optional<NodePosition>& after) {
  for (const auto* text : {&filter.namespace_name, &filter.group, &filter.instance}) {
    if (!text->has_value()) continue;
    SB_RETURN_IF_ERROR(CheckText("a filter of nodes", **text, limits::kMaxNameBytes));
  }
  if (!after.has_value()) return absl::OkStatus();
  for (const auto* text : {&after->namespace_name, &after->group, &after->id}) {
    SB_RETURN_IF_ERROR(CheckText("a position in a list of nodes", *text, limits::kMaxNameBytes));
  }
  return absl::OkStatus();
}

absl::Status CheckNackFilter(const NackFilter& filter) {
  for (const auto* text : {&filter.node, &filter.fingerprint, &filter.type, &filter.resource}) {
    if (!text->has_value()) continue;
    SB_RETURN_IF_ERROR(CheckText("a filter of refusals", **text, limits::kMaxNameBytes));
  }
  return absl::OkStatus();
}

absl::Status CheckNodeId(absl::string_view id) {
  return CheckText("a node's id", id, limits::kMaxNameBytes);
}

}  // namespace signalbox
