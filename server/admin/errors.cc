#include "server/admin/errors.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/error_details.h"
#include "base/suggest.h"
#include "server/rpc/contract.h"
#include "storage/model/resource.h"

namespace signalbox::errors {

absl::Status StoreRestored() {
  return WithReason(absl::AbortedError("the store was restored since this was read; read it again"),
                    kStoreRestoredReason);
}

absl::Status NotLoadedYet() {
  return absl::UnavailableError("the configuration is still being loaded; nothing was written");
}

absl::Status CallerGone() {
  return absl::CancelledError("the caller no longer waits; nothing was written");
}

absl::Status BadPageToken() {
  return InvalidFields({{"page_token", "is not one that this list gave; start without it", ""}});
}

absl::Status NothingToApply() {
  return absl::InvalidArgumentError("there is nothing to apply: neither resources nor removals");
}

std::string UnknownKind(absl::string_view kind, const std::vector<std::string>& kinds) {
  const std::string suggestion = DidYouMean(kind, kinds);
  return absl::StrCat("there is no kind \"", kind, "\"",
                      suggestion.empty()
                          ? absl::StrCat("; the kinds are ", absl::StrJoin(kinds, ", "))
                          : suggestion);
}

std::string UnknownNamespace(absl::string_view name) {
  return absl::StrCat("there is no namespace \"", name, "\"; the only one is \"", kDefaultNamespace,
                      "\"");
}

std::string UnknownGroup(absl::string_view name) {
  return absl::StrCat("there is no node group \"", name, "\"; the only one is \"", kDefaultGroup,
                      "\"");
}

std::string Missing() { return "is missing"; }

std::string NameMismatch(absl::string_view in_spec, absl::string_view name) {
  return absl::StrCat("is \"", in_spec, "\", but the resource is called \"", name,
                      "\"; leave it out, or write the same");
}

}  // namespace signalbox::errors
