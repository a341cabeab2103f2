#include "server/admin/config.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/error_details.h"
#include "base/status_macros.h"
#include "server/admin/change_request.h"
#include "server/admin/errors.h"
#include "server/admin/etag.h"
#include "server/admin/limits.h"
#include "server/admin/page_token.h"
#include "server/admin/resource_filter.h"
#include "server/descriptors/json.h"
#include "server/descriptors/key_material.h"
#include "storage/errors.h"

namespace signalbox {
namespace {

admin::v1::ApplyResponse ToResponse(const Committed& committed) {
  admin::v1::ApplyResponse response;
  response.set_revision(committed.revision.number);
  switch (committed.outcome) {
    case Committed::Outcome::kNewRevision:
      response.set_outcome(admin::v1::ApplyResponse::NEW_REVISION);
      break;
    case Committed::Outcome::kUnchanged:
      response.set_outcome(admin::v1::ApplyResponse::UNCHANGED);
      break;
    case Committed::Outcome::kRepeated:
      response.set_outcome(admin::v1::ApplyResponse::REPEATED);
      break;
  }
  response.set_created(committed.created);
  response.set_updated(committed.updated);
  response.set_removed(committed.removed);
  response.set_unchanged(committed.unchanged);
  return response;
}

void AddWarnings(const std::vector<FieldViolation>& warnings, admin::v1::ApplyResponse* response) {
  for (const FieldViolation& warning : warnings) {
    if (static_cast<size_t>(response->warnings_size()) == limits::kMaxViolations) return;
    admin::v1::Warning* const out = response->add_warnings();
    out->set_field(warning.field);
    out->set_message(warning.description);
  }
}

// The resource in a sorted list, or null.
const Resource* Find(const HeadState& state, const ResourceKey& key) {
  const auto at = std::lower_bound(
      state.resources.begin(), state.resources.end(), key,
      [](const Resource& resource, const ResourceKey& k) { return resource.key < k; });
  return at != state.resources.end() && at->key == key ? &*at : nullptr;
}

absl::Status CheckPreconditions(const HeadState& state, const Preconditions& preconditions) {
  const auto& expected = preconditions.expected_revision;
  if (expected.has_value() && *expected != state.head.revision) {
    return errors::RevisionConflict(*expected, state.head.revision);
  }
  for (const auto& [key, revision] : preconditions.expected_changes) {
    const Resource* resource = Find(state, key);
    if ((resource == nullptr ? Revision{0} : resource->changed_in) != revision)
      return errors::EtagConflict(key);
  }
  return absl::OkStatus();
}

// As page tokens have it.
std::string EpochText(uint64_t epoch) { return absl::StrFormat("%016x", epoch); }

absl::Status CheckNamespace(absl::string_view field, absl::string_view name) {
  if (name.empty() || name == kDefaultNamespace) return absl::OkStatus();
  return InvalidFields({{std::string(field), errors::UnknownNamespace(name), ""}});
}

}  // namespace

ConfigHandler::ConfigHandler(ResourceStore* store, const Descriptors* descriptors,
                             JudgeSource judges, Admit admit, Applied applied, Audit audit)
    : store_(store),
      descriptors_(descriptors),
      judges_(std::move(judges)),
      admit_(std::move(admit)),
      applied_(std::move(applied)),
      audit_(std::move(audit)) {}

absl::StatusOr<admin::v1::ApplyResponse> ConfigHandler::Apply(
    const admin::v1::ApplyRequest& request, const Caller& caller) {
  absl::StatusOr<admin::v1::ApplyResponse> result = JudgeAndCommit(request, caller);
  if (applied_) applied_(request, caller, result);
  return result;
}

absl::StatusOr<admin::v1::ApplyResponse> ConfigHandler::JudgeAndCommit(
    const admin::v1::ApplyRequest& request, const Caller& caller) {
  SB_ASSIGN_OR_RETURN(const Head head, store_->ReadHead());
  SB_ASSIGN_OR_RETURN(Change change, ReadChange(*descriptors_, request, head.epoch));
  change.changes.author = caller.author;
  change.changes.source = caller.source;
  change.preconditions.epoch = head.epoch;
  SB_ASSIGN_OR_RETURN(const Judging judging, judges_());
  // The database became another one; what is served is about to follow, or to refuse it.
  if (judging.epoch != head.epoch) return errors::NotLoadedYet();
  SB_RETURN_IF_ERROR(
      AtRequestPaths(judging.judge->Check(judging.judged_on, {}, change.changes), change.changes));
  if (judging.warnings) {
    for (FieldViolation& warning : AtRequestPaths(judging.warnings(change.changes), change.changes))
      change.warnings.push_back(std::move(warning));
  }
  if (request.validate_only()) {
    SB_ASSIGN_OR_RETURN(admin::v1::ApplyResponse response,
                        Validate(change.changes, change.preconditions, judging));
    AddWarnings(change.warnings, &response);
    return response;
  }
  if (admit_) SB_RETURN_IF_ERROR(admit_());
  if (caller.gone && caller.gone()) return errors::CallerGone();
  absl::StatusOr<Committed> committed =
      store_->Commit(change.changes, judging.judged_on, *judging.judge, change.preconditions);
  if (!committed.ok()) return AtRequestPaths(committed.status(), change.changes);
  admin::v1::ApplyResponse response = ToResponse(*committed);
  AddWarnings(change.warnings, &response);
  return response;
}

absl::StatusOr<admin::v1::ApplyResponse> ConfigHandler::Validate(const ChangeSet& changes,
                                                                 const Preconditions& preconditions,
                                                                 const Judging& judging) {
  SB_ASSIGN_OR_RETURN(const HeadState state, store_->LoadHead());
  SB_RETURN_IF_ERROR(CheckPreconditions(state, preconditions));
  Committed would_be;
  would_be.revision = state.head.revision;
  for (const Upsert& upsert : changes.upserts) {
    const Resource* known = Find(state, upsert.key);
    if (known == nullptr) {
      ++would_be.created;
    } else if (*known->record != upsert.record) {
      ++would_be.updated;
    } else {
      ++would_be.unchanged;
    }
  }
  for (const ResourceKey& key : changes.removals) {
    if (Find(state, key) == nullptr) return errors::NoSuchResource(key);
    ++would_be.removed;
  }
  admin::v1::ApplyResponse response = ToResponse(would_be);
  response.set_outcome(admin::v1::ApplyResponse::VALIDATED);
  return response;
}

absl::StatusOr<admin::v1::Resource> ConfigHandler::Get(const admin::v1::GetRequest& request,
                                                       const Caller& caller) {
  const admin::v1::ResourceName& name = request.name();
  ResourceKey key{name.namespace_().empty() ? std::string(kDefaultNamespace) : name.namespace_(),
                  name.kind(), name.name()};
  SB_RETURN_IF_ERROR(CheckNamespace("name.namespace", key.namespace_name));
  if (FindKind(key.type) == nullptr)
    return InvalidFields({{"name.kind", errors::UnknownKind(key.type, KindNames()), ""}});
  if (key.name.empty()) return InvalidFields({{"name.name", errors::Missing(), ""}});
  SB_ASSIGN_OR_RETURN(const Head head, store_->ReadHead());
  SB_ASSIGN_OR_RETURN(const Resource resource, store_->Get(key));
  if (request.view() == admin::v1::FULL) SB_RETURN_IF_ERROR(AuditReads({&resource, 1}, caller));
  return Render(resource, head.epoch, request.view());
}

absl::StatusOr<admin::v1::ListResponse> ConfigHandler::List(const admin::v1::ListRequest& request,
                                                            const Caller& caller) {
  SB_ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  SB_ASSIGN_OR_RETURN(const ResourceFilter filter, ReadResourceFilter(request));
  std::vector<std::string> list = PartsOf(filter);
  list.insert(list.begin(), "resources");
  std::optional<std::string> of_epoch;
  std::optional<ResourceKey> after;
  if (!request.page_token().empty()) {
    SB_ASSIGN_OR_RETURN(std::vector<std::string> position,
                        ParsePageToken(request.page_token(), list, 4));
    of_epoch = std::move(position[0]);
    after = {std::move(position[1]), std::move(position[2]), std::move(position[3])};
  }

  admin::v1::ListResponse response;
  size_t bytes = 0;
  std::optional<Head> head;
  do {
    const int wanted = std::min(page_size - response.resources_size(), limits::kListReadAtOnce);
    SB_ASSIGN_OR_RETURN(const ResourcePage read, store_->List(filter, after, wanted));
    if (!head.has_value()) {
      head = read.head;
      if (of_epoch.has_value() && *of_epoch != EpochText(head->epoch))
        return errors::StoreRestored();
    }
    // A page is of one head: what has changed meanwhile is for the next one.
    if (read.head != *head) break;
    if (request.view() == admin::v1::FULL) SB_RETURN_IF_ERROR(AuditReads(read.resources, caller));
    for (const Resource& resource : read.resources) {
      if (bytes >= limits::kMaxPageBytes) break;
      *response.add_resources() = Render(resource, head->epoch, request.view());
      bytes += response.resources(response.resources_size() - 1).ByteSizeLong();
      after = resource.key;
    }
    if (read.resources.empty() || after == read.resources.back().key) after = read.next_after;
  } while (after.has_value() && response.resources_size() < page_size &&
           bytes < limits::kMaxPageBytes);
  response.set_revision(head->revision.number);
  if (after.has_value()) {
    response.set_next_page_token(MakePageToken(
        list, {EpochText(head->epoch), after->namespace_name, after->type, after->name}));
  }
  return response;
}

// One event for each secret, before any of them is shown.
absl::Status ConfigHandler::AuditReads(absl::Span<const Resource> resources, const Caller& caller) {
  for (const Resource& resource : resources) {
    const Kind* const kind = FindKind(resource.key.type);
    if (kind == nullptr || !kind->secret) continue;
    if (!audit_) return errors::ReadsNotAudited();
    SB_RETURN_IF_ERROR(audit_({.principal = caller.author,
                               .action = "read secret",
                               .resource = resource.key.ToString(),
                               .revision = resource.changed_in,
                               .source = caller.source}));
  }
  return absl::OkStatus();
}

absl::StatusOr<google::protobuf::Struct> ConfigHandler::SpecOf(const Kind& kind,
                                                               const Record& record,
                                                               admin::v1::View view) const {
  SB_ASSIGN_OR_RETURN(
      const std::unique_ptr<google::protobuf::Message> message,
      descriptors_->Parse(descriptors_->FindMessage(kind.message_name), record.body));
  if (kind.secret && view != admin::v1::FULL) RedactKeyMaterial(*descriptors_, message.get());
  return MessageToJson(*descriptors_, *message);
}

admin::v1::Resource ConfigHandler::Render(const Resource& resource, uint64_t epoch,
                                          admin::v1::View view) const {
  const Record& record = *resource.record;
  admin::v1::Resource out;
  out.set_namespace_(resource.key.namespace_name);
  out.set_kind(resource.key.type);
  out.set_name(resource.key.name);
  out.mutable_labels()->insert(record.labels.begin(), record.labels.end());
  out.mutable_annotations()->insert(record.annotations.begin(), record.annotations.end());
  for (const std::string& group : record.targets) out.add_groups(group);
  out.set_owner(record.owner);
  out.set_source(record.source);
  out.set_etag(MakeEtag(epoch, resource.changed_in));
  out.set_revision(resource.changed_in.number);
  const Kind* const kind = FindKind(resource.key.type);
  // Written by a newer version, perhaps: the rest is still worth showing.
  if (kind == nullptr) {
    out.set_problem(errors::UnknownKind(resource.key.type, KindNames()));
    return out;
  }
  absl::StatusOr<google::protobuf::Struct> spec = SpecOf(*kind, record, view);
  if (spec.ok()) {
    *out.mutable_spec() = *std::move(spec);
  } else if (kind->secret) {
    out.set_problem(errors::WithoutQuoted(spec.status().message()));
  } else {
    out.set_problem(std::string(spec.status().message()));
  }
  return out;
}

}  // namespace signalbox
