#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "storage/model/audit_event.h"
#include "storage/model/revision.h"
#include "storage/resource_store.h"

namespace signalbox {

// What is remembered of a store outside its own file: a history that was cut short, or another
// database in its place, looks valid by itself (STORAGE sections 5 and 6).
struct Witness {
  std::string name;              // where it is remembered, for a person: "the audit log"
  std::string store_id;          // "" where that is not remembered
  uint64_t epoch = 0;            // 0: nothing is remembered
  Revision revision;             // that the store had in that epoch, at least
  std::optional<Digest> digest;  // of the chain at `revision`
};

// Whether the control log says that `epoch` has ended; none: that any epoch has. An epoch of
// another store's is ended by AdoptStore, too.
//   any  the store's
absl::StatusOr<bool> HasEnded(ResourceStore* store, std::optional<uint64_t> epoch);

// Whether the store has what the witness saw: its epoch has ended in it by AdoptStore or a restore,
// or it is the same store, in the head's epoch, and has at least its revision with its digest.
//   kFailedPrecondition  it has not; the text says what is missing and what to do
//   any                  the store's
absl::Status CheckWitness(ResourceStore* store, const Witness& witness);

// Takes the store as it is for the truth: starts a new epoch, with `event`, in which none of
// `witnesses` contradicts it, even one of another store. Instances that have refused it so far, or
// serve the epoch of a witness, follow it from then on. Returns the head.
absl::StatusOr<Head> AdoptStore(ResourceStore* store, absl::Span<const Witness> witnesses,
                                const AuditEvent& event);

}  // namespace signalbox
