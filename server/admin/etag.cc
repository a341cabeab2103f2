#include "server/admin/etag.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/admin/errors.h"

namespace signalbox {

std::string MakeEtag(uint64_t epoch, Revision changed_in) {
  return absl::StrFormat("%016x-%d", epoch, changed_in.number);
}

absl::StatusOr<Revision> ParseEtag(absl::string_view etag, uint64_t epoch) {
  const size_t dash = etag.find('-');
  uint64_t of_epoch = 0;
  Revision revision;
  if (dash != 16 || !absl::SimpleHexAtoi(etag.substr(0, dash), &of_epoch) ||
      !absl::SimpleAtoi(etag.substr(dash + 1), &revision.number) ||
      MakeEtag(of_epoch, revision) != etag) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", etag, "\" is not an etag; use the one that was read"));
  }
  if (of_epoch != epoch) return errors::StoreRestored();
  return revision;
}

}  // namespace signalbox
