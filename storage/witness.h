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

// Whether the store has what the witness saw: the same store, its epoch (the head's, or one that
// ended by Adopt or a restore), and in the head's epoch at least its revision with its digest.
//   kFailedPrecondition  it has not; the text says what is missing and what to do
//   any                  the store's
absl::Status CheckWitness(ResourceStore* store, const Witness& witness);

// Takes the store as it is for the truth: starts a new epoch, with `event`, in which none of
// `witnesses` contradicts it. The name of the store that `witness` remembers is not changed by
// this: its keeper writes it anew. Returns the head.
absl::StatusOr<Head> AdoptStore(ResourceStore* store, absl::Span<const Witness> witnesses,
                                const AuditEvent& event);

}  // namespace signalbox
