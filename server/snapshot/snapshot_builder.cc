#include "server/snapshot/snapshot_builder.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/status_macros.h"
#include "server/snapshot/missing_references.h"
#include "server/types/settings.h"
#include "server/types/virtual_host.h"
#include "server/types/xdstp.h"

namespace signalbox {
namespace {

// Whether a resource is for the nodes of `group`.
bool IsFor(const NodeGroupName& group, const ResourceKey& key, const Record& record) {
  if (key.namespace_name != group.namespace_name) return false;
  return record.targets.empty() ||
         std::binary_search(record.targets.begin(), record.targets.end(), group.group);
}

// Under its key, so that whoever asked can say where it came from.
absl::Status AtResource(const ResourceKey& key, const absl::Status& status) {
  return InvalidFields({{"", std::string(status.message()), key.ToString()}});
}

// What was written before a setting was known has no effect.
ResourceSettings SettingsOf(const ResourceKey& key, const Record& record) {
  return ReadSettings(key.type, record.annotations, nullptr);
}

bool IsOf(const Fragment& fragment, const Resource& resource) {
  return fragment.version() ==
         VersionOf(resource.body_hash, SettingsOf(resource.key, *resource.record));
}

}  // namespace

SnapshotBuilder::SnapshotBuilder(const TypeRegistry* registry, const References* references,
                                 DanglingReferences dangling)
    : registry_(registry), references_(references), dangling_(dangling) {}

absl::StatusOr<const ResourceType*> SnapshotBuilder::TypeOf(const ResourceKey& key) const {
  const ResourceType* type = registry_->FindByShortName(key.type);
  if (type == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(key.ToString(), ": there is no type \"", key.type, "\""));
  }
  return type;
}

absl::StatusOr<FragmentPtr> SnapshotBuilder::MakeFragment(const ResourceType& type,
                                                          const Resource& resource) const {
  const ResourceKey& key = resource.key;
  if (std::string normalized = NormalizedName(key.name); normalized != key.name) {
    return AtResource(key, absl::InvalidArgumentError(absl::StrCat(
                               "proxies ask for it by the name \"", normalized,
                               "\": context parameters sorted, no directives; name it so")));
  }
  if (type.short_name() == "virtual-host") {
    if (std::string wrong = WrongVirtualHostName(key.name); !wrong.empty())
      return AtResource(key, absl::InvalidArgumentError(wrong));
  }
  absl::StatusOr<ResourceReferences> references =
      references_->Of(type, key.name, resource.record->body);
  if (!references.ok()) return AtResource(key, references.status());
  return std::make_shared<const Fragment>(type.type_url(), key.name, resource.record->body,
                                          resource.body_hash, *std::move(references),
                                          resource.record_hash, SettingsOf(key, *resource.record));
}

absl::StatusOr<FragmentPtr> SnapshotBuilder::FragmentOf(const Resource& resource) const {
  SB_ASSIGN_OR_RETURN(const ResourceType* type, TypeOf(resource.key));
  return MakeFragment(*type, resource);
}

absl::StatusOr<SnapshotPtr> SnapshotBuilder::Build(const NodeGroupName& group,
                                                   const HeadState& state,
                                                   const SnapshotPtr& previous) const {
  std::vector<std::vector<FragmentPtr>> fragments(registry_->in_push_order().size());
  for (const Resource& resource : state.resources) {
    SB_ASSIGN_OR_RETURN(const ResourceType* type, TypeOf(resource.key));
    if (!IsFor(group, resource.key, *resource.record)) continue;
    const FragmentPtr* known =
        previous == nullptr ? nullptr : previous->types[type->index()]->FindPtr(resource.key.name);
    if (known != nullptr && IsOf(**known, resource)) {
      fragments[type->index()].push_back(*known);
      continue;
    }
    SB_ASSIGN_OR_RETURN(FragmentPtr fragment, MakeFragment(*type, resource));
    fragments[type->index()].push_back(std::move(fragment));
  }
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->group = group;
  snapshot->revision = state.head.revision;
  snapshot->epoch = state.head.epoch;
  snapshot->digest = state.head.digest;
  for (size_t i = 0; i < fragments.size(); ++i) {
    TypeSetPtr set = TypeSet::Of(std::move(fragments[i]));
    // An equal set stays the same object, so that streams need not look.
    const bool same = previous != nullptr && previous->types[i]->hash() == set->hash();
    snapshot->types.push_back(same ? previous->types[i] : std::move(set));
  }
  return snapshot;
}

absl::StatusOr<SnapshotPtr> SnapshotBuilder::Advance(
    const Snapshot& base, const std::vector<RevisionChanges>& changes) const {
  // The last word on each name counts.
  std::vector<std::map<std::string, FragmentPtr>> edits(base.types.size());
  auto snapshot = std::make_shared<Snapshot>(base);
  snapshot->unproven = false;  // something was changed: the store is meant
  for (const RevisionChanges& revision : changes) {
    for (const Resource& resource : revision.upserts) {
      SB_ASSIGN_OR_RETURN(const ResourceType* type, TypeOf(resource.key));
      if (resource.key.namespace_name != base.group.namespace_name) continue;
      FragmentPtr& edit = edits[type->index()][resource.key.name];
      edit = nullptr;
      if (!IsFor(base.group, resource.key, *resource.record)) continue;
      const FragmentPtr* known = base.types[type->index()]->FindPtr(resource.key.name);
      if (known != nullptr && IsOf(**known, resource)) {
        edit = *known;
        continue;
      }
      SB_ASSIGN_OR_RETURN(edit, MakeFragment(*type, resource));
    }
    for (const ResourceKey& key : revision.removals) {
      SB_ASSIGN_OR_RETURN(const ResourceType* type, TypeOf(key));
      if (key.namespace_name != base.group.namespace_name) continue;
      edits[type->index()][key.name] = nullptr;
    }
    snapshot->revision = revision.info.revision;
    snapshot->digest = revision.info.digest;
  }
  for (size_t i = 0; i < edits.size(); ++i) {
    if (edits[i].empty()) continue;
    std::vector<TypeSetEdit> list;
    list.reserve(edits[i].size());
    for (auto& [name, fragment] : edits[i]) list.push_back({name, std::move(fragment)});
    TypeSetPtr set = base.types[i]->With(std::move(list));
    if (set->hash() != base.types[i]->hash()) snapshot->types[i] = std::move(set);
  }
  return snapshot;
}

absl::StatusOr<SnapshotBuilder::Step> SnapshotBuilder::Take(const Snapshot& base,
                                                            absl::Span<const RevisionChanges> since,
                                                            const ChangeSet& changes) const {
  RevisionChanges tentative;
  for (const Upsert& upsert : changes.upserts) {
    const Digest body = Sha256(upsert.record.body);
    tentative.upserts.push_back({upsert.key, std::make_shared<const Record>(upsert.record),
                                 upsert.record.Hash(body), body, Revision{}});
  }
  tentative.removals = changes.removals;
  Step step;
  if (!since.empty()) {
    SB_ASSIGN_OR_RETURN(step.advanced, Advance(base, {since.begin(), since.end()}));
  }
  SB_ASSIGN_OR_RETURN(step.after, Advance(step.advanced == nullptr ? base : *step.advanced,
                                          {std::move(tentative)}));
  return step;
}

absl::Status SnapshotBuilder::Check(const Snapshot& base, absl::Span<const RevisionChanges> since,
                                    const ChangeSet& changes) const {
  SB_ASSIGN_OR_RETURN(const Step step, Take(base, since, changes));
  if (dangling_ == DanglingReferences::kWarn) return absl::OkStatus();
  const std::vector<FieldViolation> missing = MissingReferences(
      *registry_, step.advanced == nullptr ? base : *step.advanced, *step.after, changes);
  return missing.empty() ? absl::OkStatus() : InvalidFields(missing);
}

std::vector<FieldViolation> SnapshotBuilder::Warnings(const Snapshot& base,
                                                      absl::Span<const RevisionChanges> since,
                                                      const ChangeSet& changes) const {
  if (dangling_ == DanglingReferences::kRefuse) return {};
  const absl::StatusOr<Step> step = Take(base, since, changes);
  if (!step.ok()) return {};  // Check says why
  return MissingReferences(*registry_, step->advanced == nullptr ? base : *step->advanced,
                           *step->after, changes);
}

}  // namespace signalbox
