#include "server/snapshot/type_set_interner.h"

#include <algorithm>

namespace signalbox {

TypeSetPtr TypeSetInterner::Intern(TypeSetPtr set) {
  MutexLock lock(&mu_);
  std::weak_ptr<const TypeSet>& known = sets_[set->hash()];
  if (TypeSetPtr living = known.lock()) return living;
  known = set;
  if (sets_.size() >= sweep_at_) {
    absl::erase_if(sets_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max<size_t>(64, 2 * sets_.size());
  }
  return set;
}

}  // namespace signalbox
