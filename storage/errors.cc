#include "storage/errors.h"

#include "absl/strings/str_cat.h"

namespace signalbox::errors {

absl::Status RevisionConflict(Revision expected, Revision head) {
  return absl::FailedPreconditionError(absl::StrCat("expected revision ", expected.number,
                                                    ", but the head is revision ", head.number));
}

absl::Status EtagConflict(const ResourceKey& key) {
  return absl::FailedPreconditionError(
      absl::StrCat(key.ToString(), " has changed since it was read: its etag is another one now"));
}

absl::Status JudgedOnNotKept(Revision judged_on, Revision head) {
  return absl::AbortedError(absl::StrCat("the change was judged on revision ", judged_on.number,
                                         ", which is not kept or too far from the head, revision ",
                                         head.number, "; nothing was written"));
}

absl::Status RequestIdReused(absl::string_view request_id) {
  return absl::InvalidArgumentError(absl::StrCat(
      "request id \"", request_id, "\" was used for another request within the last 24 h"));
}

absl::Status NoSuchResource(const ResourceKey& key) {
  return absl::NotFoundError(
      absl::StrCat("there is no ", key.type, "/", key.name, " in namespace ", key.namespace_name));
}

absl::Status RevisionNotKept(Revision revision) {
  return absl::OutOfRangeError(
      absl::StrCat("revision ", revision.number, " is not within the history kept"));
}

absl::Status TooLarge(absl::string_view what, size_t size, size_t limit) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is too large: ", size, ", the limit is ", limit));
}

absl::Status NotText(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, " must be UTF-8 text without NUL"));
}

absl::Status Missing(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, " must not be empty"));
}

absl::Status DuplicateKey(const ResourceKey& key) {
  return absl::InvalidArgumentError(absl::StrCat(key.ToString(), " stands twice in one request"));
}

absl::Status StoreFull(absl::string_view detail) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the store's disk is full; nothing was written: ", detail));
}

absl::Status StoreUnavailable(absl::string_view detail) {
  return absl::UnavailableError(absl::StrCat("the store failed: ", detail));
}

absl::Status StoreDamaged(absl::string_view detail) {
  return absl::DataLossError(absl::StrCat("the store is damaged: ", detail));
}

absl::Status StoreLocked(absl::string_view directory, int holder) {
  return absl::FailedPreconditionError(
      absl::StrCat("the store in ", directory, " is in use by ",
                   holder > 0 ? absl::StrCat("process ", holder) : std::string("another process")));
}

absl::Status StoreBusy(absl::string_view detail) {
  return absl::AbortedError(
      absl::StrCat("another program holds the store's database; nothing was written: ", detail));
}

absl::Status StoreUnfit(absl::string_view detail) {
  return absl::FailedPreconditionError(absl::StrCat("the store cannot be used: ", detail));
}

absl::Status StoreClosing() { return absl::CancelledError("the store is closing"); }

}  // namespace signalbox::errors
