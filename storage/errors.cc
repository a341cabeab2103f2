#include "storage/errors.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace signalbox::errors {
namespace {

constexpr absl::string_view kHowToAdopt =
    "bring back the files or the address that belong here, or take the database as it is with "
    "\"signalbox db adopt --yes\"";

}  // namespace

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

absl::Status AnotherEpoch() {
  return absl::AbortedError(
      "the store was restored since this was read: its revisions are of another epoch; read it "
      "again");
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

absl::Status NotWithin(absl::string_view what, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat(what, " must be ", allowed));
}

absl::Status AuditCursorMoved(const AuditCursor& expected, const AuditCursor& found) {
  return absl::AbortedError(absl::StrCat(
      "the audit log has moved on: its cursor is epoch ", found.epoch, ", row ", found.seq,
      ", not epoch ", expected.epoch, ", row ", expected.seq, "; nothing was written"));
}

absl::Status OutboxOutOfOrder(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("the outbox rows are out of order: ", why));
}

absl::Status NoSuchJob(int64_t id) {
  return absl::NotFoundError(absl::StrCat("there is no job ", id));
}

absl::Status JobClaimLost(const JobClaim& claim) {
  return absl::FailedPreconditionError(
      absl::StrCat("the claim on job ", claim.id,
                   " is lost: it was given to another worker, cancelled or finished"));
}

absl::Status JobNotInState(absl::string_view action, const Job& job) {
  return absl::FailedPreconditionError(
      absl::StrCat("job ", job.id, " is ", JobStateName(job.state), ": it cannot be ", action));
}

absl::Status JobKeyTaken(absl::string_view unique_key, int64_t by) {
  return absl::AlreadyExistsError(
      absl::StrCat("job ", by, " has the key \"", unique_key, "\" and is pending or running"));
}

absl::Status QueueFull(int64_t limit) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the job queue is full: ", limit, " jobs are pending or running"));
}

absl::Status LeaseHeld(const Lease& held) {
  return absl::FailedPreconditionError(
      absl::StrCat("the lease ", held.name, " is held by ", held.holder, " until ",
                   absl::FormatTime(held.until, absl::UTCTimeZone())));
}

absl::Status LeaseLost(const Lease& lease) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the lease ", lease.name, " is no longer held by ", lease.holder, " under its number"));
}

absl::Status NoSuchNode(absl::string_view id) {
  return absl::NotFoundError(absl::StrCat("there is no node \"", id, "\""));
}

absl::Status HistoryShortened(absl::string_view witness, Revision head, Revision remembered) {
  const int64_t first = head.number + 1;
  const std::string missing = first == remembered.number ? absl::StrCat("revision ", first, " is")
                                                         : absl::StrCat("revisions ", first, " to ",
                                                                        remembered.number, " are");
  return absl::FailedPreconditionError(
      absl::StrCat(missing, " missing: the database ends at revision ", head.number, ", but ",
                   witness, " remembers revision ", remembered.number, "; ", kHowToAdopt));
}

absl::Status HistoryForked(absl::string_view witness, Revision revision) {
  return absl::FailedPreconditionError(absl::StrCat("revision ", revision.number,
                                                    " in the database is another one than ",
                                                    witness, " remembers; ", kHowToAdopt));
}

absl::Status EpochUnknown(absl::string_view witness) {
  return absl::FailedPreconditionError(
      absl::StrCat("the database has another history than ", witness,
                   " remembers: it is older than its last restore, or another one; ", kHowToAdopt));
}

absl::Status AnotherStore(absl::string_view witness, absl::string_view remembered,
                          absl::string_view found) {
  return absl::FailedPreconditionError(absl::StrCat("the database is store ", found, ", but ",
                                                    witness, " remembers store ", remembered, "; ",
                                                    kHowToAdopt));
}

absl::Status StoreClosing() { return absl::CancelledError("the store is closing"); }

}  // namespace signalbox::errors
