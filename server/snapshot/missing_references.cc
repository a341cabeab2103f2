#include "server/snapshot/missing_references.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/snapshot/fragment.h"
#include "server/types/references.h"

namespace signalbox {
namespace {

// Types whose resources name others that must be there, and types of those that are named.
constexpr absl::string_view kNaming[] = {"listener", "extension-config", "scoped-route",
                                         "route",    "virtual-host",     "cluster"};
constexpr absl::string_view kNamed[] = {"route", "cluster"};

// More are not told: a change can leave all that there is without its cluster.
constexpr size_t kMaxTold = 100;

template <size_t kCount>
bool IsIn(const absl::string_view (&types)[kCount], absl::string_view type) {
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

const TypeSet& SetOf(const TypeRegistry& registry, const Snapshot& snapshot,
                     absl::string_view type) {
  return *snapshot.types[registry.FindByShortName(type)->index()];
}

bool Has(const TypeRegistry& registry, const Snapshot& snapshot, const Reference& reference) {
  return SetOf(registry, snapshot, reference.type).Contains(reference.name);
}

std::string KeyOf(const NodeGroupName& group, absl::string_view type, absl::string_view name) {
  return ResourceKey{group.namespace_name, std::string(type), std::string(name)}.ToString();
}

// What the changes take away of what can be named.
std::set<Reference> TakenAway(const TypeRegistry& registry, const Snapshot& before,
                              const Snapshot& after, const ChangeSet& changes) {
  std::set<Reference> taken;
  const auto look = [&](const ResourceKey& key) {
    if (key.namespace_name != after.group.namespace_name || !IsIn(kNamed, key.type)) return;
    Reference reference = {key.type, key.name};
    if (Has(registry, before, reference) && !Has(registry, after, reference))
      taken.insert(std::move(reference));
  };
  for (const ResourceKey& key : changes.removals) look(key);
  for (const Upsert& upsert : changes.upserts) look(upsert.key);  // it may be for other groups now
  return taken;
}

}  // namespace

std::vector<FieldViolation> MissingReferences(const TypeRegistry& registry, const Snapshot& before,
                                              const Snapshot& after, const ChangeSet& changes) {
  std::vector<FieldViolation> missing;
  std::set<std::string> told;  // keys of those that the changes bring themselves
  for (const Upsert& upsert : changes.upserts) {
    if (upsert.key.namespace_name != after.group.namespace_name ||
        !IsIn(kNaming, upsert.key.type)) {
      continue;
    }
    const Fragment* const fragment = SetOf(registry, after, upsert.key.type).Find(upsert.key.name);
    if (fragment == nullptr) continue;
    const std::string key = upsert.key.ToString();
    told.insert(key);
    for (const Reference& reference : fragment->references().names) {
      if (!IsIn(kNamed, reference.type) || Has(registry, after, reference)) continue;
      if (missing.size() == kMaxTold) return missing;
      missing.push_back({"",
                         absl::StrCat("names ", reference.type, " \"", reference.name,
                                      "\", which is not there: apply it before or with this"),
                         key});
    }
  }
  const std::set<Reference> taken = TakenAway(registry, before, after, changes);
  if (taken.empty()) return missing;
  for (const absl::string_view type : kNaming) {
    SetOf(registry, after, type).ForEach([&](const FragmentPtr& fragment) {
      std::string key = KeyOf(after.group, type, fragment->name());
      if (told.count(key) > 0) return;
      for (const Reference& reference : fragment->references().names) {
        if (taken.count(reference) == 0 || missing.size() == kMaxTold) continue;
        missing.push_back(
            {"",
             absl::StrCat("is still named by ", key, ": change or delete that before or with this"),
             KeyOf(after.group, reference.type, reference.name)});
      }
    });
  }
  return missing;
}

}  // namespace signalbox
