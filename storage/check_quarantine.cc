#include "storage/check_quarantine.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"

namespace signalbox {
namespace {

using Pair = std::pair<absl::string_view, absl::string_view>;

absl::Status CheckQuarantine(const Quarantine& quarantine) {
  if (quarantine.type.empty()) return errors::Missing("a quarantine's type");
  if (quarantine.version.empty()) return errors::Missing("a quarantine's version");
  SB_RETURN_IF_ERROR(CheckText("a quarantine's type", quarantine.type, limits::kMaxScopeBytes));
  SB_RETURN_IF_ERROR(CheckText("a quarantine's resource", quarantine.name, limits::kMaxNameBytes));
  SB_RETURN_IF_ERROR(
      CheckText("a quarantine's version", quarantine.version, limits::kMaxScopeBytes));
  return CheckText("a quarantine's error", quarantine.error, limits::kMaxMessageBytes);
}

}  // namespace

absl::Status CheckQuarantines(absl::Span<const NodeQuarantines> nodes) {
  if (nodes.size() > limits::kMaxQuarantineBatch) {
    return errors::TooLarge("the number of nodes with quarantines", nodes.size(),
                            limits::kMaxQuarantineBatch);
  }
  std::set<Pair> known_nodes;
  for (const NodeQuarantines& node : nodes) {
    if (node.node.empty()) return errors::Missing("a quarantine's node");
    SB_RETURN_IF_ERROR(CheckText("a quarantine's node", node.node, limits::kMaxNameBytes));
    SB_RETURN_IF_ERROR(CheckText("a quarantine's client", node.client, limits::kMaxNameBytes));
    SB_RETURN_IF_ERROR(
        CheckText("a quarantine's namespace", node.namespace_name, limits::kMaxScopeBytes));
    if (!known_nodes.emplace(node.node, node.client).second)
      return errors::NotWithin(absl::StrCat("the node \"", node.node, "\""), "there once");
    if (node.quarantines.size() > limits::kMaxQuarantinesPerNode) {
      return errors::TooLarge("the number of a node's quarantines", node.quarantines.size(),
                              limits::kMaxQuarantinesPerNode);
    }
    std::set<Pair> known;
    for (const Quarantine& quarantine : node.quarantines) {
      SB_RETURN_IF_ERROR(CheckQuarantine(quarantine));
      if (!known.emplace(quarantine.type, quarantine.name).second) {
        return errors::NotWithin(
            absl::StrCat("the quarantine of ", quarantine.type, "/", quarantine.name),
            "there once");
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace signalbox
