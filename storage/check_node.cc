#include "storage/check_node.h"

#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"

namespace signalbox {
namespace {

absl::Status CheckName(absl::string_view what, absl::string_view text) {
  return CheckText(what, text, limits::kMaxNameBytes);
}

absl::Status CheckScope(absl::string_view what, absl::string_view text) {
  return CheckText(what, text, limits::kMaxScopeBytes);
}

}  // namespace

absl::Status CheckNode(const NodeRecord& node) {
  if (node.id.empty()) return errors::Missing("a node's id");
  SB_RETURN_IF_ERROR(CheckName("a node's id", node.id));
  SB_RETURN_IF_ERROR(CheckScope("a node's namespace", node.namespace_name));
  SB_RETURN_IF_ERROR(CheckName("a node's group", node.group));
  SB_RETURN_IF_ERROR(CheckName("a node's client", node.client));
  SB_RETURN_IF_ERROR(CheckName("a node's variant", node.variant));
  SB_RETURN_IF_ERROR(CheckName("a node's instance", node.instance));
  SB_RETURN_IF_ERROR(CheckText("a node's detail", node.detail, limits::kMaxMessageBytes));
  if (node.acked.size() > limits::kMaxTypesPerNode) {
    return errors::TooLarge("the number of a node's types", node.acked.size(),
                            limits::kMaxTypesPerNode);
  }
  for (const auto& [type, revision] : node.acked) {
    SB_RETURN_IF_ERROR(CheckScope("a type of a node", type));
  }
  SB_RETURN_IF_ERROR(CheckTime("the time at which a node connected", node.connected));
  return CheckTime("the time of a node's state", node.since);
}

absl::Status CheckNack(const NackRecord& nack) {
  if (nack.fingerprint.empty()) return errors::Missing("a refusal's fingerprint");
  if (nack.node.empty()) return errors::Missing("a refusal's node");
  SB_RETURN_IF_ERROR(CheckScope("a refusal's fingerprint", nack.fingerprint));
  SB_RETURN_IF_ERROR(CheckScope("a refusal's type", nack.type));
  SB_RETURN_IF_ERROR(CheckName("a refusal's resource", nack.resource));
  SB_RETURN_IF_ERROR(CheckName("a refusal's node", nack.node));
  SB_RETURN_IF_ERROR(CheckName("a refusal's client", nack.client));
  SB_RETURN_IF_ERROR(CheckText("a refusal's message", nack.message, limits::kMaxMessageBytes));
  if (nack.count < 1) return errors::NotWithin("a refusal's count", "at least 1");
  SB_RETURN_IF_ERROR(CheckTime("the time of a first refusal", nack.first_seen));
  return CheckTime("the time of a last refusal", nack.last_seen);
}

absl::Status CheckInstance(const InstanceRecord& instance) {
  if (instance.name.empty()) return errors::Missing("an instance's name");
  SB_RETURN_IF_ERROR(CheckName("an instance's name", instance.name));
  SB_RETURN_IF_ERROR(CheckName("an instance's version", instance.version));
  SB_RETURN_IF_ERROR(CheckName("an instance's address", instance.address));
  return CheckTime("the time at which an instance started", instance.started);
}

absl::StatusOr<NodeHistoryBatch> Acceptable(const NodeHistoryBatch& batch,
                                            NodeHistoryWritten* written) {
  const size_t rows = batch.nodes.size() + batch.nacks.size();
  if (rows > limits::kMaxHistoryBatch) {
    return errors::TooLarge("the number of rows for the node history", rows,
                            limits::kMaxHistoryBatch);
  }
  const auto takes = [&](const absl::Status& checked) {
    if (!checked.ok() && written->refused++ == 0) written->first_refused = checked;
    return checked.ok();
  };
  NodeHistoryBatch accepted;
  for (const NodeRecord& node : batch.nodes) {
    if (takes(CheckNode(node))) accepted.nodes.push_back(node);
  }
  for (const NackRecord& nack : batch.nacks) {
    if (takes(CheckNack(nack))) accepted.nacks.push_back(nack);
  }
  if (batch.instance.has_value() && takes(CheckInstance(*batch.instance))) {
    accepted.instance = batch.instance;
  }
  return accepted;
}

}  // namespace signalbox
