#include "server/xds/name_set.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "server/types/xdstp.h"

namespace signalbox {
namespace {

bool DropDead(std::vector<std::weak_ptr<const NameSet>>* sets) {
  sets->erase(
      std::remove_if(sets->begin(), sets->end(), [](const auto& set) { return set.expired(); }),
      sets->end());
  return sets->empty();
}

}  // namespace

NameSet::NameSet(std::vector<std::string> names)
    : names_(std::move(names)),
      has_collections_(std::any_of(names_.begin(), names_.end(), IsCollection)) {}

const NameSetPtr& NameSet::Empty() {
  static const auto* const empty =
      new NameSetPtr(std::make_shared<const NameSet>(std::vector<std::string>()));
  return *empty;
}

bool NameSet::Contains(absl::string_view name) const {
  const auto found =
      std::lower_bound(names_.begin(), names_.end(), name,
                       [](const std::string& a, absl::string_view b) { return a < b; });
  return found != names_.end() && *found == name;
}

NameSetPtr NameSetInterner::Intern(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.empty()) return NameSet::Empty();
  const size_t hash = absl::HashOf(names);
  MutexLock lock(&mu_);
  std::vector<std::weak_ptr<const NameSet>>& sets = sets_[hash];
  for (const auto& weak : sets) {
    NameSetPtr set = weak.lock();
    if (set != nullptr && set->names() == names) return set;
  }
  auto set = std::make_shared<const NameSet>(std::move(names));
  DropDead(&sets);
  sets.push_back(set);
  if (sets_.size() >= sweep_at_) {
    absl::erase_if(sets_, [](auto& entry) { return DropDead(&entry.second); });
    sweep_at_ = std::max<size_t>(64, 2 * sets_.size());
  }
  return set;
}

}  // namespace signalbox
