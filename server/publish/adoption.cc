#include "server/publish/adoption.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/publish/limits.h"

namespace signalbox {
namespace {

absl::Status Refused(absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(
      why,
      "; proxies keep what they have, and changes are refused. Bring the right database back, or "
      "take this one for the truth with `signalbox db adopt --yes`"));
}

}  // namespace

absl::Status MayFollow(const Head& served, const Head& found) {
  // Nobody has anything from here that could be lost.
  if (served.revision == Revision{0}) return absl::OkStatus();
  if (found.store_id != served.store_id) {
    return Refused(absl::StrCat("the database is another one: store ", found.store_id,
                                " at revision ", found.revision.number, ", while store ",
                                served.store_id, " is served, at revision ",
                                served.revision.number));
  }
  if (found.revision == Revision{0}) {
    return Refused(absl::StrCat("the database is empty, while revision ", served.revision.number,
                                " is served"));
  }
  return absl::OkStatus();
}

absl::Status MayFollow(const TypeRegistry& registry, const Snapshot& served,
                       const Snapshot& found) {
  for (const ResourceType* type : registry.in_push_order()) {
    const TypeSet& before = *served.types[type->index()];
    int removed = 0;
    TypeSet::VisitDifferences(before, *found.types[type->index()],
                              [&](const FragmentPtr* was, const FragmentPtr* is) {
                                if (was != nullptr && is == nullptr) ++removed;
                              });
    if (removed < limits::kMassDeleteAtLeast ||
        removed <= limits::kMassDeleteShare * static_cast<double>(before.size()))
      continue;
    return Refused(absl::StrCat("the database has another history, at revision ",
                                found.revision.number, ", in which ", removed, " of ",
                                before.size(), " resources of the type ", type->short_name(),
                                " are gone that are served, at revision ", served.revision.number));
  }
  return absl::OkStatus();
}

}  // namespace signalbox
