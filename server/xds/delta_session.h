#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/xds/heartbeats.h"
#include "server/xds/session.h"
#include "server/xds/virtual_hosts.h"

namespace envoy::service::discovery::v3 {
class DeltaDiscoveryRequest;
}

namespace signalbox {

// The incremental variant (XDS section 1.4). Requests and responses are
// envoy.service.discovery.v3.DeltaDiscovery*.
//
// Of virtual hosts (VHDS) what the stream should have is a set of its own (VirtualHosts), of which
// its subscription has all: aliases are no names there.
class DeltaSession : public Session {
 public:
  // `context` must outlive this object. `stream_id` makes nonces unique among streams.
  DeltaSession(const SessionContext* context, std::string stream_id);

  absl::Status OnRequest(absl::string_view bytes, absl::Time now) override;

 protected:
  std::optional<Response> Compose(Subscription& subscription, const Subscription::Pending& pending,
                                  absl::Time now) override;
  bool OwesMore(const Subscription& subscription,
                const Subscription::Pending& pending) const override;
  void AfterTargets() override;
  std::optional<Response> ComposeHeartbeat(absl::Time now) override;
  absl::Time next_heartbeat() const override { return heartbeats_.next(); }

 private:
  using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;

  // Takes what a request asks for and drops, in names as they are compared.
  absl::Status TakeNames(const std::vector<std::string>& added,
                         const std::vector<std::string>& dropped, Subscription& subscription);
  absl::Status TakeVirtualHosts(const std::vector<std::string>& added,
                                const std::vector<std::string>& dropped,
                                Subscription& subscription);
  // Whether this client drops a resource that it does not hear of (XDS L1). Virtual hosts it never
  // does.
  bool TakesTtl(const ResourceType& type, const Fragment& fragment) const;
  // The heartbeats of one type that are due.
  std::optional<Response> ComposeHeartbeat(const Subscription& subscription, absl::Time now);
  // What the client says that it has, in its first request of the type.
  absl::Status TakeVersions(const Request& request, Subscription& subscription);

  // Whether the client has a route configuration, or may have: this stream does not ask for any.
  bool HasRoute(const std::string& route) const;
  // The target of virtual hosts is made of what there is, which route configurations the client
  // has, and what it asks for.
  void RefreshVirtualHosts();
  // Route configurations went out. Envoy may forget their virtual hosts then, and with a new
  // subscription waits for a response that has something of them: they follow.
  void FollowRoutes(const std::vector<FragmentPtr>& routes);
  // The names of the route configurations that the client has and of which virtual hosts are
  // expected.
  std::set<std::string> ExpectantRoutes() const;
  // What was asked for of virtual hosts and is not answered by anything that is pending.
  std::vector<std::string> Unresolved(const Subscription::Pending& pending) const;
  // Adds to a response what answers those who wait: an alias for which there is nothing (more) is
  // told without a body (XDS X6), a route configuration that has no virtual host by the removal of
  // all that it has, since Envoy takes no notice of an empty response.
  void AnswerAliases(const Subscription::Pending& pending, Response* response);
  void AnswerRoutes(Response* response);

  const ResourceType* const routes_;
  const ResourceType* const virtual_hosts_type_;

  Heartbeats heartbeats_;
  VirtualHosts virtual_hosts_;
  bool all_routes_due_ = false;       // all were asked for and not answered
  std::set<std::string> routes_due_;  // those of which something has to be said
};

}  // namespace signalbox
