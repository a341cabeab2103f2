#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/model/lease.h"

namespace signalbox {

// Who may do what only one instance may do (the audit follower, retention, backups, ticks of
// rollouts). Time is the store's, so instances need not agree on theirs. A lease says who should; a
// fence makes sure: a holder that slept over a takeover cannot write. Every method blocks and is
// safe from any thread. In all of them:
//   kInvalidArgument    text that is none, a name or holder that is empty, a duration that is not
//                       between 0 and limits::kMaxLease
//   kUnavailable        the database cannot be reached or failed; whether it was written is
//                       unknown: acquire again
//   kResourceExhausted  the disk is full
//   kDataLoss           what is stored is damaged
//   kCancelled          the store is closing
class Leases {
 public:
  virtual ~Leases() = default;

  // Takes the lease for `duration`, when nobody has it, its time is over or `holder` has it
  // already; the number is a new one in every case.
  //   kFailedPrecondition  somebody else has it; the text names who
  virtual absl::StatusOr<Lease> Acquire(absl::string_view name, absl::string_view holder,
                                        absl::Duration duration) = 0;

  // Has it end `duration` from now. One whose time is over may be renewed until somebody takes it.
  //   kFailedPrecondition  it was taken over or released: stop
  virtual absl::StatusOr<Lease> Renew(const Lease& lease, absl::Duration duration) = 0;

  // Returns when a transaction that could not overlap a takeover has found the lease with its
  // number: what was prepared under a unique name may be published.
  //   kFailedPrecondition  it was taken over or released: throw away what was prepared
  virtual absl::Status Confirm(const Lease& lease) = 0;

  // Gives it up, so that the next one need not wait. One that is lost already is no error.
  virtual absl::Status Release(const Lease& lease) = 0;

  // Every lease that was ever taken, by name; a holder of "" has released it.
  virtual absl::StatusOr<std::vector<Lease>> List() = 0;
};

}  // namespace signalbox
