#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/hash.h"

namespace signalbox {

// The store's only clock: the empty store is revision 0, the first commit 1, and none is ever left
// out.
struct Revision {
  int64_t number = 0;

  friend bool operator==(const Revision&, const Revision&) = default;
  friend auto operator<=>(const Revision&, const Revision&) = default;
};

// The revision after `revision`.
inline Revision Next(Revision revision) { return Revision{revision.number + 1}; }

// How a revision came to be. The numbers are stored: append only.
enum class RevisionKind { kApply = 1, kRollback = 2, kImport = 3, kRestore = 4 };

// "apply", "rollback", "import" or "restore": the name in SQL, the API and logs.
absl::string_view RevisionKindName(RevisionKind kind);

// What is known of a revision besides its content.
struct RevisionInfo {
  Revision revision;
  uint64_t epoch = 0;  // the head's when it was made
  absl::Time time;     // milliseconds; from the store's clock
  std::string author;
  std::string message;
  std::string request_id;
  RevisionKind kind = RevisionKind::kApply;
  Digest previous_digest;
  Digest digest;  // of the chain up to here (STORAGE section 3)
};

// What every poll reads of the store, whole: it is another one whenever anything has changed.
struct Head {
  std::string store_id;  // made with the store, never changes
  uint64_t epoch = 0;  // random; new after a restore: revisions of another epoch are not comparable
  Revision revision;
  Digest digest;            // the chain's at `revision`; all zero at revision 0
  int64_t control_seq = 0;  // of the last entry of the control log

  friend bool operator==(const Head&, const Head&) = default;
};

// Whether both are at the same revision of the same history.
inline bool SameHistory(const Head& a, const Head& b) {
  return a.store_id == b.store_id && a.epoch == b.epoch && a.revision == b.revision &&
         a.digest == b.digest;
}

}  // namespace signalbox
