#include "server/xds/virtual_hosts.h"

#include <utility>

#include "server/types/resource_type.h"

namespace signalbox {

void VirtualHosts::SetAll(TypeSetPtr all) {
  if (all == all_) return;
  all_ = std::move(all);
  base_routes_.clear();
  routes_.clear();
  all_->ForEach([&](const FragmentPtr& host) {
    const absl::string_view route = RouteOfVirtualHost(host->name());
    DomainPatterns& patterns = routes_[std::string(route)];
    for (const Reference& reference : host->references().names) {
      if (reference.type == kAlias)
        patterns.Add(absl::string_view(reference.name).substr(route.size() + 1));
    }
  });
  for (auto& [name, stands_for] : asked_) {
    std::string now = Resolve(name);
    if (now != stands_for && !now.empty()) due_.insert(name);
    stands_for = std::move(now);
  }
}

std::string VirtualHosts::Resolve(absl::string_view name) const {
  if (all_->Contains(name)) return std::string(name);
  const absl::string_view route = RouteOfVirtualHost(name);
  const auto patterns = routes_.find(route);
  if (patterns == routes_.end()) return "";
  const absl::string_view domain = name.substr(route.size() + 1);
  for (std::string& alias : VirtualHostAliases(route, domain, patterns->second)) {
    std::string first;
    for (const Fragment* host : all_->Referring({std::string(kAlias), std::move(alias)})) {
      if (first.empty() || host->name() < first) first = host->name();
    }
    if (!first.empty()) return first;
  }
  return "";
}

std::string VirtualHosts::Ask(const std::string& name) {
  due_.insert(name);
  const auto [asked, is_new] = asked_.try_emplace(name);
  if (is_new) asked_bytes_ += name.size();
  asked->second = Resolve(name);
  return asked->second;
}

void VirtualHosts::Drop(const std::string& name) {
  if (asked_.erase(name) > 0) asked_bytes_ -= name.size();
  due_.erase(name);
}

bool VirtualHosts::IsAlias(const std::string& name) const {
  return asked_.contains(name) && !all_->Contains(name);
}

std::map<std::string, std::vector<std::string>> VirtualHosts::Due() const {
  std::map<std::string, std::vector<std::string>> due;
  for (const std::string& name : due_) due[asked_.at(name)].push_back(name);
  return due;
}

TypeSetPtr VirtualHosts::Target(absl::FunctionRef<bool(const std::string& route)> has_route,
                                TypeSetInterner* sets) {
  std::set<absl::string_view> routes;
  for (const auto& [route, patterns] : routes_) {
    if (wildcard_ && has_route(route)) routes.insert(route);
  }
  if (base_all_ != all_ || routes != base_routes_) {
    base_all_ = all_;
    base_routes_ = std::move(routes);
    std::vector<FragmentPtr> wanted;
    all_->ForEach([&](const FragmentPtr& host) {
      const bool used = base_routes_.contains(RouteOfVirtualHost(host->name()));
      if (used && !host->settings().on_demand) wanted.push_back(host);
    });
    base_ = wanted.size() == all_->size() ? all_ : sets->Intern(TypeSet::Of(std::move(wanted)));
  }
  std::map<std::string, FragmentPtr> besides;
  for (const auto& [name, stands_for] : asked_) {
    if (stands_for.empty() || base_->Contains(stands_for)) continue;
    besides.emplace(stands_for, *all_->FindPtr(stands_for));
  }
  if (besides.empty()) return base_;
  std::vector<TypeSetEdit> edits;
  for (auto& [name, host] : besides) edits.push_back({name, std::move(host)});
  return sets->Intern(base_->With(std::move(edits)));
}

}  // namespace signalbox
