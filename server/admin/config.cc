#include "server/admin/config.h"

#include <algorithm>
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
#include "server/descriptors/json.h"
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

absl::Status CheckNamespace(absl::string_view field, absl::string_view name) {
  if (name.empty() || name == kDefaultNamespace) return absl::OkStatus();
  return InvalidFields({{std::string(field), errors::UnknownNamespace(name), ""}});
}

}  // namespace

ConfigHandler::ConfigHandler(ResourceStore* store, const Descriptors* descriptors,
                             const TypeRegistry* registry, JudgeSource judges, Admit admit,
                             Applied applied)
    : store_(store),
      descriptors_(descriptors),
      registry_(registry),
      judges_(std::move(judges)),
      admit_(std::move(admit)),
      applied_(std::move(applied)) {}

absl::StatusOr<admin::v1::ApplyResponse> ConfigHandler::Apply(
    const admin::v1::ApplyRequest& request, const Caller& caller) {
  absl::StatusOr<admin::v1::ApplyResponse> result = JudgeAndCommit(request, caller);
  if (applied_) applied_(request, caller, result);
  return result;
}

absl::StatusOr<admin::v1::ApplyResponse> ConfigHandler::JudgeAndCommit(
    const admin::v1::ApplyRequest& request, const Caller& caller) {
  SB_ASSIGN_OR_RETURN(const Head head, store_->ReadHead());
  SB_ASSIGN_OR_RETURN(Change change, ReadChange(*descriptors_, *registry_, request, head.epoch));
  change.changes.author = caller.author;
  change.changes.source = caller.source;
  change.preconditions.epoch = head.epoch;
  SB_ASSIGN_OR_RETURN(const Judging judging, judges_());
  // The database became another one; what is served is about to follow, or to refuse it.
  if (judging.epoch != head.epoch) return errors::NotLoadedYet();
  SB_RETURN_IF_ERROR(
      AtRequestPaths(judging.judge->Check(judging.judged_on, {}, change.changes), change.changes));
  if (request.validate_only()) return Validate(change.changes, change.preconditions, judging);
  if (admit_) SB_RETURN_IF_ERROR(admit_());
  if (caller.gone && caller.gone()) return errors::CallerGone();
  absl::StatusOr<Committed> committed =
      store_->Commit(change.changes, judging.judged_on, *judging.judge, change.preconditions);
  if (!committed.ok()) return AtRequestPaths(committed.status(), change.changes);
  return ToResponse(*committed);
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
    } else if (known->record_hash != upsert.record.Hash()) {
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
  if (registry_->FindByShortName(key.type) == nullptr) {
    return InvalidFields(
        {{"name.kind", errors::UnknownKind(key.type, registry_->short_names()), ""}});
  }
  if (key.name.empty()) return InvalidFields({{"name.name", errors::Missing(), ""}});
  SB_ASSIGN_OR_RETURN(const Head head, store_->ReadHead());
  SB_ASSIGN_OR_RETURN(const Resource resource, store_->Get(key));
  return Render(resource, head.epoch);
}

absl::StatusOr<admin::v1::ListResponse> ConfigHandler::List(const admin::v1::ListRequest& request,
                                                            const Caller& caller) {
  SB_ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  SB_RETURN_IF_ERROR(CheckNamespace("namespace", request.namespace_()));
  if (!request.kind().empty() && registry_->FindByShortName(request.kind()) == nullptr) {
    return InvalidFields(
        {{"kind", errors::UnknownKind(request.kind(), registry_->short_names()), ""}});
  }
  const std::vector<std::string> list = {"resources", request.namespace_(), request.kind()};
  ResourceKey last;
  SB_ASSIGN_OR_RETURN(const Head head, store_->ReadHead());
  const std::string epoch = absl::StrFormat("%016x", head.epoch);
  if (!request.page_token().empty()) {
    SB_ASSIGN_OR_RETURN(std::vector<std::string> position,
                        ParsePageToken(request.page_token(), list, 4));
    if (position[0] != epoch) return errors::StoreRestored();
    last = {position[1], position[2], position[3]};
  }

  SB_ASSIGN_OR_RETURN(const std::shared_ptr<const HeadState> state, StateAt(head));
  admin::v1::ListResponse response;
  response.set_revision(state->head.revision.number);
  size_t bytes = 0;
  auto at = std::upper_bound(
      state->resources.begin(), state->resources.end(), last,
      [](const ResourceKey& key, const Resource& resource) { return key < resource.key; });
  for (; at != state->resources.end(); ++at) {
    if (!request.namespace_().empty() && at->key.namespace_name != request.namespace_()) continue;
    if (!request.kind().empty() && at->key.type != request.kind()) continue;
    if (response.resources_size() == page_size || bytes >= limits::kMaxPageBytes) {
      response.set_next_page_token(
          MakePageToken(list, {epoch, last.namespace_name, last.type, last.name}));
      return response;
    }
    *response.add_resources() = Render(*at, state->head.epoch);
    bytes += response.resources(response.resources_size() - 1).ByteSizeLong();
    last = at->key;
  }
  Forget(state);
  return response;
}

absl::StatusOr<google::protobuf::Struct> ConfigHandler::SpecOf(const ResourceType& type,
                                                               const Record& record) const {
  SB_ASSIGN_OR_RETURN(
      const std::unique_ptr<google::protobuf::Message> message,
      descriptors_->Parse(descriptors_->FindMessage(type.message_name()), record.body));
  return MessageToJson(*descriptors_, *message);
}

admin::v1::Resource ConfigHandler::Render(const Resource& resource, uint64_t epoch) const {
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
  const ResourceType* type = registry_->FindByShortName(resource.key.type);
  // Written by a newer version, perhaps: the rest is still worth showing.
  if (type == nullptr) {
    out.set_problem(errors::UnknownKind(resource.key.type, registry_->short_names()));
    return out;
  }
  absl::StatusOr<google::protobuf::Struct> spec = SpecOf(*type, record);
  if (spec.ok()) {
    *out.mutable_spec() = *std::move(spec);
  } else {
    out.set_problem(std::string(spec.status().message()));
  }
  return out;
}

absl::StatusOr<std::shared_ptr<const HeadState>> ConfigHandler::StateAt(const Head& head) {
  {
    MutexLock lock(&mu_);
    if (listed_ != nullptr && listed_->head.epoch == head.epoch &&
        listed_->head.revision == head.revision) {
      return listed_;
    }
  }
  SB_ASSIGN_OR_RETURN(HeadState loaded, store_->LoadHead());
  auto state = std::make_shared<const HeadState>(std::move(loaded));
  MutexLock lock(&mu_);
  listed_ = state;
  return state;
}

void ConfigHandler::Forget(const std::shared_ptr<const HeadState>& state) {
  MutexLock lock(&mu_);
  if (listed_ == state) listed_ = nullptr;
}

}  // namespace signalbox
