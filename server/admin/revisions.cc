#include "server/admin/revisions.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/error_details.h"
#include "base/status_macros.h"
#include "server/admin/errors.h"
#include "server/admin/page_token.h"
#include "server/admin/revision_info.h"
#include "server/descriptors/kinds.h"
#include "storage/model/resource.h"

namespace signalbox {
namespace {

// The resource that the list is for; none: for all.
absl::StatusOr<std::optional<ResourceKey>> KeyIn(const admin::v1::ListRevisionsRequest& request) {
  if (!request.has_resource()) return std::optional<ResourceKey>();
  const admin::v1::ResourceName& name = request.resource();
  if (!name.namespace_().empty() && name.namespace_() != kDefaultNamespace) {
    return InvalidFields({{"resource.namespace", errors::UnknownNamespace(name.namespace_()), ""}});
  }
  if (FindKind(name.kind()) == nullptr)
    return InvalidFields({{"resource.kind", errors::UnknownKind(name.kind(), KindNames()), ""}});
  if (name.name().empty()) return InvalidFields({{"resource.name", errors::Missing(), ""}});
  return std::optional<ResourceKey>({std::string(kDefaultNamespace), name.kind(), name.name()});
}

}  // namespace

absl::StatusOr<admin::v1::ListRevisionsResponse> RevisionsHandler::List(
    const admin::v1::ListRevisionsRequest& request, const Caller& caller) {
  SB_ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  SB_ASSIGN_OR_RETURN(const std::optional<ResourceKey> key, KeyIn(request));
  const std::vector<std::string> list = {"revisions", key.has_value() ? key->ToString() : ""};
  SB_ASSIGN_OR_RETURN(const Head head, store_->ReadHead());
  const std::string epoch = absl::StrFormat("%016x", head.epoch);
  std::optional<Revision> below;
  if (!request.page_token().empty()) {
    SB_ASSIGN_OR_RETURN(const std::vector<std::string> position,
                        ParsePageToken(request.page_token(), list, 2));
    if (position[0] != epoch) return errors::StoreRestored();
    below.emplace();
    if (!absl::SimpleAtoi(position[1], &below->number)) return errors::BadPageToken();
  }

  admin::v1::ListRevisionsResponse response;
  std::optional<Revision> next_below;
  if (key.has_value()) {
    SB_ASSIGN_OR_RETURN(const ResourceHistoryPage page, store_->History(*key, below, page_size));
    for (const ResourceChange& change : page.changes) {
      admin::v1::RevisionEntry* const entry = response.add_revisions();
      SetInfo(change.info, entry->mutable_info());
      entry->set_removed(!change.resource.has_value());
    }
    next_below = page.next_below;
  } else {
    SB_ASSIGN_OR_RETURN(const RevisionPage page, store_->ListRevisions(below, page_size));
    for (const RevisionInfo& info : page.revisions)
      SetInfo(info, response.add_revisions()->mutable_info());
    next_below = page.next_below;
  }
  if (next_below.has_value()) {
    response.set_next_page_token(MakePageToken(list, {epoch, absl::StrCat(next_below->number)}));
  }
  return response;
}

}  // namespace signalbox
