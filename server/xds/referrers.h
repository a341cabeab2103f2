#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/snapshot/type_set.h"
#include "server/types/resource_type.h"
#include "server/xds/holding.h"

namespace signalbox {

// Which resources of one type a client may have that refer to others, and will refer to them no
// more once it has what it should: who has to let go before what it names is taken away (XDS O2).
// Made of what the client may have, for the moment: it must not outlive its `target`. Not
// synchronised.
class Referrers {
 public:
  // Nobody refers to anything.
  Referrers() = default;
  // `target` is what the client should have; it must outlive this object.
  explicit Referrers(const TypeSet* target) : target_(target) {}

  // The client may have this under a name.
  void Add(const std::string& name, const Held& held);
  // The client may have what is in `set`, but for names that `counts` says no to.
  void AddSet(TypeSetPtr set, std::function<bool(const std::string& name)> counts);
  // Nobody knows what the client has.
  void AddUnknown() { unknown_ = "what it had before"; }

  // The name of one who has to let go of `reference` first; "" for nobody.
  std::string Find(const Reference& reference) const;
  // The name of one of whom nobody knows what it refers to, so that it may be anything; "" for
  // nobody.
  const std::string& unknown() const { return unknown_; }

 private:
  struct Set {
    TypeSetPtr set;
    std::function<bool(const std::string& name)> counts;
  };
  // Whether what is to be there under a name refers to it too: then nobody waits.
  bool Stays(absl::string_view name, const Reference& reference) const;

  const TypeSet* target_ = nullptr;
  std::string unknown_;
  std::vector<Set> sets_;
  // What is not in sets, in no order until it is asked for; sorted then.
  mutable std::vector<std::pair<Reference, std::string>> names_;
  mutable bool sorted_ = true;
};

}  // namespace signalbox
