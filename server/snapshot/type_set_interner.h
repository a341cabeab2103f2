#pragma once

#include "absl/container/flat_hash_map.h"
#include "absl/numeric/int128.h"
#include "base/mutex.h"
#include "server/snapshot/type_set.h"

namespace signalbox {

// Gives equal sets one object, so that streams with the same derived set share it, its SotW body
// and its diffs. Holds them weakly. Safe from any thread; calls nobody while locked.
class TypeSetInterner {
 public:
  // The living set that equals `set`, or `set` itself from now on.
  TypeSetPtr Intern(TypeSetPtr set) SB_EXCLUDES(mu_);

 private:
  Mutex mu_;
  absl::flat_hash_map<absl::uint128, std::weak_ptr<const TypeSet>> sets_ SB_GUARDED_BY(mu_);
  size_t sweep_at_ SB_GUARDED_BY(mu_) = 64;  // entries at which dead ones are taken out
};

}  // namespace signalbox
