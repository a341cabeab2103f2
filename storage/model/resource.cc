#include "storage/model/resource.h"

#include "absl/strings/str_cat.h"

namespace signalbox {

std::string ResourceKey::ToString() const {
  return absl::StrCat(namespace_name, "/", type, "/", name);
}

Digest Record::Hash(const Digest& body_hash) const {
  Hasher hasher;
  hasher.Add(body_hash.View()).Add(owner).Add(source);
  hasher.Add(targets.size());
  for (const std::string& target : targets) hasher.Add(target);
  for (const auto* map : {&labels, &annotations}) {
    hasher.Add(map->size());
    for (const auto& [key, value] : *map) hasher.Add(key).Add(value);
  }
  return hasher.Finish();
}

}  // namespace signalbox
