#include "server/xds/delta_session.h"

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/protobuf/duration.pb.h"
#include "server/snapshot/fragment.h"
#include "server/types/virtual_host.h"
#include "server/types/xdstp.h"
#include "server/xds/limits.h"

namespace signalbox {
namespace {

constexpr int kSystemVersionInfoField = 1;
constexpr int kResourcesField = 2;
constexpr int kRemovedResourcesField = 6;
constexpr int kControlPlaneField = 7;
constexpr int kResourceErrorsField = 9;

// Of a Resource.
constexpr int kVersionField = 1;
constexpr int kNameField = 3;
constexpr int kAliasesField = 4;
constexpr int kTtlField = 6;

constexpr absl::string_view kRoute = "route";
constexpr absl::string_view kVirtualHost = "virtual-host";

// Variants by dynamic parameters there are none of: a locator is a name (XDS D15, X4).
template <typename Strings, typename Locators>
std::vector<std::string> Names(const Strings& strings, const Locators& locators) {
  std::vector<std::string> names;
  for (const std::string& name : strings) names.push_back(NormalizedName(name));
  for (const auto& locator : locators) names.push_back(NormalizedName(locator.name()));
  return names;
}

// Whether a client may list so many names of a type, of so many bytes in all.
absl::Status CheckNames(const ResourceType& type, size_t count, size_t bytes) {
  if (count > limits::kMaxNamesPerType) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", limits::kMaxNamesPerType, " names of ", type.short_name()));
  }
  if (bytes > limits::kMaxNameBytesPerType) {
    return absl::ResourceExhaustedError(absl::StrCat("more than ", limits::kMaxNameBytesPerType,
                                                     " bytes of names of ", type.short_name()));
  }
  return absl::OkStatus();
}

// Adds the field `ttl` of a Resource.
void AppendTtl(absl::Duration ttl, std::string* fields) {
  google::protobuf::Duration message;
  message.set_seconds(absl::IDivDuration(ttl, absl::Seconds(1), &ttl));
  message.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(ttl)));
  AppendField(kTtlField, message.SerializeAsString(), fields);
}

// Adds a Resource, with `fields` of its own before those that all streams share.
void AppendResource(const FragmentPtr& fragment, const std::string& fields, Response* response) {
  if (fields.empty()) {
    response->resources.push_back({fragment, fragment->delta_form()});
    return;
  }
  auto head = std::make_shared<std::string>();
  AppendFieldHead(kResourcesField, fields.size() + fragment->resource_form().size(), head.get());
  head->append(fields);
  const absl::string_view bytes = *head;
  response->resources.push_back({std::move(head), bytes});
  response->resources.push_back({fragment, fragment->resource_form()});
}

}  // namespace

DeltaSession::DeltaSession(const SessionContext* context, std::string stream_id)
    : Session(context, std::move(stream_id), Variant::kDelta),
      routes_(context->registry->FindByShortName(kRoute)),
      virtual_hosts_type_(context->registry->FindByShortName(kVirtualHost)) {}

absl::Status DeltaSession::OnRequest(absl::string_view bytes, absl::Time now) {
  envoy::service::discovery::v3::DeltaDiscoveryRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(
        "the message is not an envoy.service.discovery.v3.DeltaDiscoveryRequest");
  }
  if (absl::Status status = ReadNode(request.has_node(), request.node()); !status.ok())
    return status;
  const absl::StatusOr<Subscription*> found = FindSubscription(request.type_url());
  if (!found.ok()) return found.status();
  if (*found == nullptr) return absl::OkStatus();
  Subscription& subscription = **found;

  // The nonce tells which response is answered and nothing else (XDS D7).
  const std::string& nonce = request.response_nonce();
  if (!nonce.empty()) {
    if (request.has_error_detail()) {
      const std::string error = ErrorText(request.error_detail().message());
      // It does not have what a heartbeat told of: that may have come too late.
      subscription.Resend(heartbeats_.TakeAnswered(subscription.type(), nonce));
      AfterNack(subscription, subscription.OnNack(nonce, error, now), error, now);
    } else {
      heartbeats_.TakeAnswered(subscription.type(), nonce);
      AfterAck(subscription, subscription.OnAck(nonce, now), now);
    }
    heartbeats_.LookAt(now);
  }

  const bool first = !subscription.active();
  const std::vector<std::string> added =
      Names(request.resource_names_subscribe(), request.resource_locators_subscribe());
  const std::vector<std::string> dropped =
      Names(request.resource_names_unsubscribe(), request.resource_locators_unsubscribe());
  if (!first && added.empty() && dropped.empty()) return absl::OkStatus();
  for (const std::string& name : added) {
    if (absl::Status status = CheckToken("a resource name", name); !status.ok()) return status;
  }
  const bool virtual_hosts = &subscription.type() == virtual_hosts_type_;
  absl::Status status = virtual_hosts ? TakeVirtualHosts(added, dropped, subscription)
                                      : TakeNames(added, dropped, subscription);
  if (status.ok() && first) status = TakeVersions(request, subscription);
  heartbeats_.LookAt(now);
  if (!status.ok()) return status;
  if (first && subscription.type().short_name() == "endpoints") {
    WatchForOrphans(now);
    FollowEarlierClusters();
  }
  if (virtual_hosts || &subscription.type() == routes_) RefreshVirtualHosts();
  return absl::OkStatus();
}

absl::Status DeltaSession::TakeNames(const std::vector<std::string>& added,
                                     const std::vector<std::string>& dropped,
                                     Subscription& subscription) {
  const bool first = !subscription.active();
  bool wildcard = subscription.wildcard();
  std::set<std::string> names(subscription.names().names().begin(),
                              subscription.names().names().end());
  std::vector<std::string> resend;
  for (const std::string& name : dropped) {
    if (name == "*") {
      wildcard = false;
    } else if (names.erase(name) > 0) {
      // Where the wildcard still covers it, it is told again (XDS D1).
      resend.push_back(name);
    }
  }
  for (const std::string& name : added) {
    if (name == "*") {
      wildcard = true;
    } else {
      names.insert(name);
      resend.push_back(name);
    }
  }
  if (first && added.empty()) wildcard = subscription.type().legacy_wildcard();
  size_t bytes = 0;
  for (const std::string& name : names) bytes += name.size();
  SB_RETURN_IF_ERROR(CheckNames(subscription.type(), names.size(), bytes));
  AskedAgain(subscription.type(), added);
  subscription.SetInterest(wildcard, context().names->Intern({names.begin(), names.end()}), resend);
  return absl::OkStatus();
}

absl::Status DeltaSession::TakeVirtualHosts(const std::vector<std::string>& added,
                                            const std::vector<std::string>& dropped,
                                            Subscription& subscription) {
  const bool first = !subscription.active();
  if (first) virtual_hosts_.SetAll(subscription.target_ptr());
  bool wildcard = virtual_hosts_.wildcard();
  for (const std::string& name : dropped) {
    if (name == "*") {
      wildcard = false;
    } else {
      virtual_hosts_.Drop(name);
    }
  }
  std::vector<std::string> resend;
  for (const std::string& name : added) {
    if (name == "*") {
      wildcard = true;
    } else if (std::string host = virtual_hosts_.Ask(name); !host.empty()) {
      resend.push_back(std::move(host));
    }
  }
  if (first && added.empty()) wildcard = subscription.type().legacy_wildcard();
  SB_RETURN_IF_ERROR(
      CheckNames(subscription.type(), virtual_hosts_.asked(), virtual_hosts_.asked_bytes()));
  all_routes_due_ |= wildcard && !virtual_hosts_.wildcard();
  virtual_hosts_.set_wildcard(wildcard);
  subscription.SetInterest(wildcard || virtual_hosts_.asked() > 0, NameSet::Empty(), resend);
  return absl::OkStatus();
}

absl::Status DeltaSession::TakeVersions(const Request& request, Subscription& subscription) {
  SB_RETURN_IF_ERROR(CheckNames(subscription.type(),
                                static_cast<size_t>(request.initial_resource_versions_size()), 0));
  if (request.initial_resource_versions_size() > 0) NotePresented();
  std::vector<Holding::Exception> held;
  for (const auto& [name, version] : request.initial_resource_versions()) {
    if (absl::Status status = CheckToken("a resource version", version); !status.ok())
      return status;
    if (&subscription.type() == virtual_hosts_type_ && virtual_hosts_.IsAlias(name)) {
      // It was told what the alias stands for.
      virtual_hosts_.NoteAnswered(name);
    } else if (subscription.Covers(name)) {
      held.emplace_back(name, Held::Version(version));
    }
  }
  subscription.AssumeHeld(std::move(held));
  return absl::OkStatus();
}

void DeltaSession::AfterTargets() {
  const Subscription& hosts = subscription(*virtual_hosts_type_);
  // Who does not ask for virtual hosts does not pay for them.
  if (!hosts.active()) return;
  virtual_hosts_.SetAll(hosts.target_ptr());
  RefreshVirtualHosts();
}

bool DeltaSession::HasRoute(const std::string& route) const {
  const Subscription& routes = subscription(*routes_);
  return !routes.active() || (routes.Covers(route) && !routes.Sent(route).absent());
}

void DeltaSession::RefreshVirtualHosts() {
  Subscription& hosts = subscription(*virtual_hosts_type_);
  if (!hosts.active()) return;
  const auto has_route = [this](const std::string& route) { return HasRoute(route); };
  hosts.SetTarget(virtual_hosts_.Target(has_route, context().sets), hosts.revision());
  if (virtual_hosts_.any_due()) hosts.OweAnswer();
}

void DeltaSession::FollowRoutes(const std::vector<FragmentPtr>& routes) {
  RefreshVirtualHosts();
  Subscription& hosts = subscription(*virtual_hosts_type_);
  if (!virtual_hosts_.wildcard()) return;
  std::set<absl::string_view> followed;
  for (const FragmentPtr& route : routes) {
    if (!route->RefersTo({std::string(kVirtualHost), AllVirtualHostsOf(route->name())})) continue;
    followed.insert(route->name());
    routes_due_.insert(route->name());
  }
  if (followed.empty()) return;
  std::vector<std::string> names;
  hosts.target().ForEach([&](const FragmentPtr& host) {
    if (followed.contains(RouteOfVirtualHost(host->name()))) names.push_back(host->name());
  });
  hosts.Resend(names);
  hosts.OweAnswer();
}

std::set<std::string> DeltaSession::ExpectantRoutes() const {
  std::set<std::string> names;
  subscription(*routes_).target().ForEach([&](const FragmentPtr& route) {
    const Reference all = {std::string(kVirtualHost), AllVirtualHostsOf(route->name())};
    if (HasRoute(route->name()) && route->RefersTo(all)) names.insert(route->name());
  });
  return names;
}

std::vector<std::string> DeltaSession::Unresolved(const Subscription::Pending& pending) const {
  std::set<absl::string_view> comes(pending.kept_back.begin(), pending.kept_back.end());
  for (const Subscription::Change& change : pending.changes) comes.insert(change.name);
  std::vector<std::string> unresolved;
  for (const auto& [host, names] : virtual_hosts_.Due()) {
    if (comes.contains(host)) continue;
    for (const std::string& name : names) {
      // Nothing is in a response and removed by it.
      if (!comes.contains(name)) unresolved.push_back(name);
    }
  }
  return unresolved;
}

bool DeltaSession::OwesMore(const Subscription& subscription,
                            const Subscription::Pending& pending) const {
  return &subscription.type() == virtual_hosts_type_ && virtual_hosts_.any_due() &&
         !Unresolved(pending).empty();
}

void DeltaSession::AnswerAliases(const Subscription::Pending& pending, Response* response) {
  for (const std::string& alias : Unresolved(pending)) {
    virtual_hosts_.NoteAnswered(alias);
    std::string resource;
    AppendField(kNameField, alias, &resource);
    AppendField(kVersionField, response->nonce, &resource);
    AppendField(kAliasesField, alias, &resource);
    AppendField(kResourcesField, resource, &response->head);
    ++response->resource_count;
  }
}

void DeltaSession::AnswerRoutes(Response* response) {
  if (std::exchange(all_routes_due_, false)) routes_due_.merge(ExpectantRoutes());
  if (routes_due_.empty()) return;
  subscription(*virtual_hosts_type_).target().ForEach([&](const FragmentPtr& host) {
    routes_due_.erase(std::string(RouteOfVirtualHost(host->name())));
  });
  for (const std::string& route : std::exchange(routes_due_, {}))
    AppendField(kRemovedResourcesField, AllVirtualHostsOf(route), &response->head);
}

std::optional<Response> DeltaSession::Compose(Subscription& subscription,
                                              const Subscription::Pending& pending,
                                              absl::Time now) {
  const ResourceType& type = subscription.type();
  const bool virtual_hosts = &type == virtual_hosts_type_;
  Response response;
  response.type = &type;
  response.nonce = NextNonce();
  AppendField(kSystemVersionInfoField, absl::StrCat(subscription.revision().number),
              &response.head);
  AppendCommonHead(type, response.nonce, kControlPlaneField, &response.head);
  size_t size = response.head.size();
  size_t count = 0;
  std::vector<FragmentPtr> sent;
  std::map<std::string, std::vector<std::string>> due;
  if (virtual_hosts) due = virtual_hosts_.Due();
  for (; count < pending.changes.size(); ++count) {
    const Subscription::Change& change = pending.changes[count];
    std::string fields;
    if (const auto aliases = due.find(change.name);
        aliases != due.end() && change.fragment != nullptr) {
      for (const std::string& alias : aliases->second) {
        if (alias != change.name) AppendField(kAliasesField, alias, &fields);
      }
    }
    const bool ttl = change.fragment != nullptr && TakesTtl(type, *change.fragment);
    if (ttl) AppendTtl(change.fragment->settings().ttl, &fields);
    const size_t grows = change.fragment == nullptr
                             ? change.name.size() + 8
                             : change.fragment->delta_form().size() + fields.size() + 8;
    if (count > 0 && size + grows > limits::kMaxResponseBytes) break;
    size += grows;
    if (change.fragment == nullptr) {
      AppendField(kRemovedResourcesField, change.name, &response.head);
    } else {
      AppendResource(change.fragment, fields, &response);
      sent.push_back(change.fragment);
      if (ttl) heartbeats_.OnTold(type, *change.fragment, now);
    }
    if (const auto answered = due.find(change.name); answered != due.end()) {
      for (const std::string& alias : answered->second) virtual_hosts_.NoteAnswered(alias);
    }
  }
  if (count == 1 && size > limits::kMaxResponseBytes && !sent.empty())
    Oversized(type, *sent.front());
  response.resource_count = sent.size();
  if (count == pending.changes.size()) AppendErrors(type, kResourceErrorsField, &response.head);
  if (virtual_hosts) {
    AnswerAliases(pending, &response);
    AnswerRoutes(&response);
  }
  subscription.OnSent(response.nonce, pending, count, now);
  if (virtual_hosts && virtual_hosts_.any_due()) subscription.OweAnswer();
  if (type.short_name() == "cluster") FollowClusters(sent);
  if (&type == routes_) FollowRoutes(sent);
  return response;
}

bool DeltaSession::TakesTtl(const ResourceType& type, const Fragment& fragment) const {
  return fragment.settings().ttl > absl::ZeroDuration() && client()->takes_ttl &&
         &type != virtual_hosts_type_;
}

std::optional<Response> DeltaSession::ComposeHeartbeat(absl::Time now) {
  if (now < heartbeats_.next()) return std::nullopt;
  heartbeats_.BeginLook();
  if (!client()->takes_ttl) return std::nullopt;
  for (const ResourceType* type : context().registry->in_push_order()) {
    if (type == virtual_hosts_type_) continue;
    std::optional<Response> response = ComposeHeartbeat(subscription(*type), now);
    if (!response.has_value()) continue;
    // The other types are looked at when this one has left.
    heartbeats_.LookAt(now);
    return response;
  }
  return std::nullopt;
}

std::optional<Response> DeltaSession::ComposeHeartbeat(const Subscription& subscription,
                                                       absl::Time now) {
  const ResourceType& type = subscription.type();
  if (!subscription.active() || !subscription.MayHoldTtl()) return std::nullopt;
  heartbeats_.Keep(type,
                   [&](const std::string& name) { return !subscription.Sent(name).absent(); });
  std::string resources;
  std::vector<std::string> names;
  subscription.VisitHeld([&](const FragmentPtr& fragment) {
    if (resources.size() > limits::kMaxResponseBytes - limits::kMaxTokenBytes) return;
    if (!heartbeats_.IsDue(type, *fragment, now)) return;
    std::string resource;
    AppendField(kNameField, fragment->name(), &resource);
    AppendField(kVersionField, fragment->version(), &resource);
    AppendTtl(fragment->settings().ttl, &resource);
    AppendField(kResourcesField, resource, &resources);
    names.push_back(fragment->name());
    heartbeats_.OnTold(type, *fragment, now);
  });
  if (names.empty()) return std::nullopt;
  Response response;
  response.type = &type;
  response.nonce = NextNonce();
  AppendField(kSystemVersionInfoField, absl::StrCat(subscription.revision().number),
              &response.head);
  AppendCommonHead(type, response.nonce, kControlPlaneField, &response.head);
  response.head += resources;
  response.resource_count = names.size();
  heartbeats_.OnSent(response.nonce, type, std::move(names));
  return response;
}

}  // namespace signalbox
