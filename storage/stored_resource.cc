#include "storage/stored_resource.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/record_json.h"

namespace signalbox {
namespace {

absl::Status Damaged(const StoredResourceRow& row, absl::string_view what) {
  return errors::StoreDamaged(absl::StrCat(what, ", in revision ", row.changed_in.number));
}

// As `parsed`, with what cannot be parsed named as damage.
template <typename T>
absl::StatusOr<T> Parsed(const StoredResourceRow& row, absl::StatusOr<T> parsed) {
  if (parsed.ok()) return parsed;
  return Damaged(row, absl::StrCat(row.key.ToString(), ": ", parsed.status().message()));
}

}  // namespace

absl::StatusOr<Resource> RestoreResource(const StoredResourceRow& row,
                                         absl::FunctionRef<absl::Status(Record*)> restore_body) {
  auto record = std::make_shared<Record>();
  SB_ASSIGN_OR_RETURN(record->targets, Parsed(row, StringsFromJson(row.targets)));
  SB_ASSIGN_OR_RETURN(record->labels, Parsed(row, MapFromJson(row.labels)));
  SB_ASSIGN_OR_RETURN(record->annotations, Parsed(row, MapFromJson(row.annotations)));
  record->owner = std::string(row.owner);
  record->source = std::string(row.source);
  const absl::Status restored = restore_body(record.get());
  if (absl::IsDataLoss(restored)) return Damaged(row, restored.message());
  SB_RETURN_IF_ERROR(restored);
  return Resource{.key = row.key,
                  .record = std::move(record),
                  .record_hash = row.hashes.record,
                  .body_hash = row.hashes.body,
                  .changed_in = row.changed_in};
}

}  // namespace signalbox
