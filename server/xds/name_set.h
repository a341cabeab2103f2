#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"

namespace signalbox {

class NameSet;
using NameSetPtr = std::shared_ptr<const NameSet>;

// Names, sorted, each once. Immutable; equal sets are one object (NameSetInterner), so that the
// same thousand names on five thousand streams are stored once.
class NameSet {
 public:
  // `names` must be sorted and unique.
  explicit NameSet(std::vector<std::string> names);

  // The set of nothing; always the same object.
  static const NameSetPtr& Empty();

  bool Contains(absl::string_view name) const;
  const std::vector<std::string>& names() const { return names_; }
  bool empty() const { return names_.empty(); }
  size_t size() const { return names_.size(); }
  // Whether any of them stands for a collection (XDS X2).
  bool has_collections() const { return has_collections_; }

 private:
  const std::vector<std::string> names_;
  const bool has_collections_;
};

// Gives equal sets one object; holds them weakly. Safe from any thread; calls nobody while locked.
class NameSetInterner {
 public:
  // The set of `names`, which may be in any order and name one twice.
  NameSetPtr Intern(std::vector<std::string> names) SB_EXCLUDES(mu_);

 private:
  Mutex mu_;
  // By a hash of all names; sets whose hashes collide share an entry's list.
  absl::flat_hash_map<size_t, std::vector<std::weak_ptr<const NameSet>>> sets_ SB_GUARDED_BY(mu_);
  size_t sweep_at_ SB_GUARDED_BY(mu_) = 64;  // entries at which dead ones are taken out
};

}  // namespace signalbox
