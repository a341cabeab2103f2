#include "server/xds/referrers.h"

#include <algorithm>

namespace signalbox {

void Referrers::Add(const std::string& name, const Held& held) {
  if (held.absent()) return;
  if (held.fragment() != nullptr) {
    for (const Reference& reference : held.fragment()->references().names) {
      names_.emplace_back(reference, name);
    }
    sorted_ = false;
    return;
  }
  const Fragment* const wanted = target_->Find(name);
  // It is what it is to be.
  if (wanted != nullptr && held.Is(wanted)) return;
  unknown_ = name;
}

void Referrers::AddSet(TypeSetPtr set, std::function<bool(const std::string& name)> counts) {
  sets_.push_back({std::move(set), std::move(counts)});
}

bool Referrers::Stays(absl::string_view name, const Reference& reference) const {
  const Fragment* const wanted = target_->Find(name);
  return wanted != nullptr && wanted->RefersTo(reference);
}

std::string Referrers::Find(const Reference& reference) const {
  if (!sorted_) std::sort(names_.begin(), names_.end());
  sorted_ = true;
  auto found = std::lower_bound(
      names_.begin(), names_.end(), reference,
      [](const auto& entry, const Reference& wanted) { return entry.first < wanted; });
  for (; found != names_.end() && found->first == reference; ++found) {
    if (!Stays(found->second, reference)) return found->second;
  }
  for (const Set& set : sets_) {
    for (const Fragment* fragment : set.set->Referring(reference)) {
      if (set.counts(fragment->name()) && !Stays(fragment->name(), reference))
        return fragment->name();
    }
  }
  return "";
}

}  // namespace signalbox
