#include "server/admin/errors.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/error_details.h"
#include "base/suggest.h"
#include "server/descriptors/key_material.h"
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

absl::Status ReadsNotAudited() {
  return absl::FailedPreconditionError(
      "a secret that is read must stand in the audit log, and there is none");
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

std::string UnknownFilterKey(absl::string_view key, absl::string_view meant) {
  const std::string suggestion = key == meant ? DidYouMean(key, {"changed_since", "group", "kind"})
                                              : DidYouMean(key, {std::string(meant)});
  return absl::StrCat(
      "there is no key \"", key, "\"",
      suggestion.empty() ? "; the keys are label.KEY, group, kind and changed_since" : suggestion);
}

std::string KeyMaterialNotSealed() {
  return "holds key material, which is stored and shown as it is here: only secrets are sealed";
}

std::string RedactedValue() {
  return "is what is shown in place of a secret, not the secret; read it with the view FULL "
         "(`signalbox get --reveal`), or write it";
}

std::string WithoutQuoted(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '"');
  std::string without;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i % 2 == 0) {
      absl::StrAppend(&without, parts[i]);
    } else {
      absl::StrAppend(&without, kRedacted);
    }
  }
  return without;
}

std::string Missing() { return "is missing"; }

std::string NameMismatch(absl::string_view in_spec, absl::string_view name) {
  return absl::StrCat("is \"", in_spec, "\", but the resource is called \"", name,
                      "\"; leave it out, or write the same");
}

}  // namespace signalbox::errors
