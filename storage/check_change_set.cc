#include "storage/check_change_set.h"

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/model/resource.h"

namespace signalbox {
namespace {

absl::Status CheckRecord(const ResourceKey& key, const Record& record) {
  const auto of = [&](absl::string_view what) {
    return absl::StrCat("the ", what, " of ", key.ToString());
  };
  if (record.body.size() > limits::kMaxBodyBytes) {
    return errors::TooLarge(of("body"), record.body.size(), limits::kMaxBodyBytes);
  }
  size_t metadata = record.owner.size() + record.source.size();
  if (!IsText(record.owner)) return errors::NotText(of("owner"));
  if (!IsText(record.source)) return errors::NotText(of("source"));
  for (const std::string& target : record.targets) {
    metadata += target.size();
    SB_RETURN_IF_ERROR(CheckText(of("target"), target, limits::kMaxNameBytes));
  }
  for (const auto* map : {&record.labels, &record.annotations}) {
    const absl::string_view what = map == &record.labels ? "labels" : "annotations";
    for (const auto& [name, value] : *map) {
      metadata += name.size() + value.size();
      if (!IsText(name) || !IsText(value)) return errors::NotText(of(what));
    }
  }
  if (metadata > limits::kMaxMetadataBytes) {
    return errors::TooLarge(of("metadata"), metadata, limits::kMaxMetadataBytes);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckKey(const ResourceKey& key) {
  SB_RETURN_IF_ERROR(
      CheckText("a resource's namespace", key.namespace_name, limits::kMaxScopeBytes));
  SB_RETURN_IF_ERROR(CheckText("a resource's type", key.type, limits::kMaxScopeBytes));
  return CheckText("a resource's name", key.name, limits::kMaxNameBytes);
}

absl::Status CheckFilter(const ResourceFilter& filter) {
  const std::string none;
  SB_RETURN_IF_ERROR(CheckText("the namespace to list", filter.namespace_name.value_or(none),
                               limits::kMaxNameBytes));
  SB_RETURN_IF_ERROR(
      CheckText("the type to list", filter.type.value_or(none), limits::kMaxNameBytes));
  SB_RETURN_IF_ERROR(
      CheckText("the group to list", filter.group.value_or(none), limits::kMaxNameBytes));
  if (filter.labels.size() > limits::kMaxLabelsPerFilter) {
    return errors::TooLarge("the number of labels in a filter", filter.labels.size(),
                            limits::kMaxLabelsPerFilter);
  }
  for (const auto& [name, value] : filter.labels) {
    SB_RETURN_IF_ERROR(CheckText("a label to list", name, limits::kMaxMetadataBytes));
    SB_RETURN_IF_ERROR(CheckText("a label's value to list", value, limits::kMaxMetadataBytes));
  }
  return absl::OkStatus();
}

absl::Status CheckChangeSet(const ChangeSet& changes, const Preconditions& preconditions) {
  const size_t count = changes.upserts.size() + changes.removals.size();
  if (count > limits::kMaxChangesPerCommit) {
    return errors::TooLarge("the number of resources in one request", count,
                            limits::kMaxChangesPerCommit);
  }
  SB_RETURN_IF_ERROR(CheckText("the author", changes.author, limits::kMaxNameBytes));
  SB_RETURN_IF_ERROR(CheckText("the message", changes.message, limits::kMaxMessageBytes));
  SB_RETURN_IF_ERROR(CheckText("the request id", changes.request_id, limits::kMaxRequestIdBytes));
  SB_RETURN_IF_ERROR(CheckText("the request's source", changes.source, limits::kMaxNameBytes));

  size_t bytes = 0;
  absl::flat_hash_set<ResourceKey> keys;
  keys.reserve(count);
  for (const Upsert& upsert : changes.upserts) {
    SB_RETURN_IF_ERROR(CheckKey(upsert.key));
    SB_RETURN_IF_ERROR(CheckRecord(upsert.key, upsert.record));
    if (!keys.insert(upsert.key).second) return errors::DuplicateKey(upsert.key);
    bytes += upsert.record.body.size();
  }
  for (const ResourceKey& key : changes.removals) {
    SB_RETURN_IF_ERROR(CheckKey(key));
    if (!keys.insert(key).second) return errors::DuplicateKey(key);
  }
  if (bytes > limits::kMaxCommitBytes) {
    return errors::TooLarge("the sum of the bodies in one request", bytes, limits::kMaxCommitBytes);
  }
  if (preconditions.expected_changes.size() > limits::kMaxChangesPerCommit) {
    return errors::TooLarge("the number of etags in one request",
                            preconditions.expected_changes.size(), limits::kMaxChangesPerCommit);
  }
  return absl::OkStatus();
}

}  // namespace signalbox
