#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "server/snapshot/type_set.h"
#include "server/snapshot/type_set_interner.h"
#include "server/types/virtual_host.h"

namespace signalbox {

// Which virtual hosts one stream should have (XDS 1.8 VHDS, X6). A client that asks for all of them
// has those of its route configurations that are not on demand; one that asks for a domain has the
// virtual host that answers for it besides. Keeps what was asked for and not answered yet: Envoy
// holds a request back until it hears of its domain, and a listener until it hears of its route
// configuration. Knows no messages. Pure; not synchronised.
class VirtualHosts {
 public:
  // What there is, of all route configurations.
  void SetAll(TypeSetPtr all);

  // Whether those that are not on demand are asked for.
  bool wildcard() const { return wildcard_; }
  void set_wildcard(bool wildcard) { wildcard_ = wildcard; }
  // A client asks for a name or an alias, anew or again; it is due. Returns the name of the virtual
  // host that it stands for, "" for none.
  std::string Ask(const std::string& name);
  void Drop(const std::string& name);
  // The client hears of the name, or did before.
  void NoteAnswered(const std::string& name) { due_.erase(name); }
  // Whether it is asked for by this name, which is no virtual host's own.
  bool IsAlias(const std::string& name) const;
  // How many names are asked for, and their bytes.
  size_t asked() const { return asked_.size(); }
  size_t asked_bytes() const { return asked_bytes_; }

  // What the stream should have, where the client uses the route configurations that `has_route`
  // says yes to. Costs nothing new where nothing is.
  TypeSetPtr Target(absl::FunctionRef<bool(const std::string& route)> has_route,
                    TypeSetInterner* sets);

  // Whether something was asked for and not answered.
  bool any_due() const { return !due_.empty(); }
  // What was, by the virtual host that it stands for, "" for none.
  std::map<std::string, std::vector<std::string>> Due() const;

 private:
  std::string Resolve(absl::string_view name) const;

  TypeSetPtr all_ = TypeSet::Empty();
  std::map<std::string, DomainPatterns, std::less<>> routes_;  // the route configurations of `all_`
  bool wildcard_ = false;
  std::map<std::string, std::string> asked_;  // what each stands for, or ""
  size_t asked_bytes_ = 0;
  std::set<std::string> due_;

  // The part of the target that nobody asked for by name, and what it was made of.
  TypeSetPtr base_ = TypeSet::Empty();
  TypeSetPtr base_all_ = TypeSet::Empty();
  std::set<absl::string_view> base_routes_;  // in `routes_`
};

}  // namespace signalbox
