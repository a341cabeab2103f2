#include "server/xds/holding.h"

#include <algorithm>

namespace signalbox {
namespace {

bool ByName(const Holding::Exception& a, const Holding::Exception& b) { return a.first < b.first; }

}  // namespace

bool Held::Is(const Fragment* fragment) const {
  if (fragment == nullptr) return absent();
  return kind_ == Kind::kContent && version() == fragment->version();
}

bool Held::Is(const Held& other) const {
  return kind_ == other.kind_ && (kind_ != Kind::kContent || version() == other.version());
}

Holding::Holding(TypeSetPtr base, std::vector<Exception> exceptions)
    : base_(std::move(base)), exceptions_(std::move(exceptions)) {}

Holding Holding::Unknown() {
  Holding holding;
  holding.rest_unknown_ = true;
  return holding;
}

std::vector<Holding::Exception>::const_iterator Holding::LowerBound(absl::string_view name) const {
  return std::lower_bound(exceptions_.begin(), exceptions_.end(), name,
                          [](const Exception& a, absl::string_view b) { return a.first < b; });
}

bool Holding::IsException(absl::string_view name) const {
  const auto exception = LowerBound(name);
  return exception != exceptions_.end() && exception->first == name;
}

Held Holding::Get(absl::string_view name) const {
  const auto exception = LowerBound(name);
  if (exception != exceptions_.end() && exception->first == name) return exception->second;
  if (const FragmentPtr* fragment = base_->FindPtr(name)) return Held::Content(*fragment);
  return rest_unknown_ ? Held::Unknown() : Held::Absent();
}

void Holding::Set(std::vector<Exception> changes) {
  std::sort(changes.begin(), changes.end(), ByName);
  std::vector<Exception> merged;
  merged.reserve(exceptions_.size() + changes.size());
  auto old = exceptions_.begin();
  for (Exception& change : changes) {
    while (old != exceptions_.end() && old->first < change.first)
      merged.push_back(std::move(*old++));
    if (old != exceptions_.end() && old->first == change.first) ++old;
    // What the base says anyway is no exception.
    const FragmentPtr* fragment = base_->FindPtr(change.first);
    const bool said = fragment != nullptr ? change.second.Is(fragment->get())
                      : rest_unknown_     ? change.second.unknown()
                                          : change.second.absent();
    if (!said) merged.push_back(std::move(change));
  }
  while (old != exceptions_.end()) merged.push_back(std::move(*old++));
  exceptions_ = std::move(merged);
}

}  // namespace signalbox
