#include "server/xds/grpc/proxy_services.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "envoy/service/load_stats/v3/lrs.pb.h"
#include "server/xds/limits.h"
#include "server/xds/services.h"
#include "tests/server/xds/grpc/proxies_fixture.h"

namespace signalbox::testing {
namespace {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

constexpr char kUrl[] = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

XdsBodies& Bodies() {
  static auto* const bodies = new XdsBodies();
  return *bodies;
}

std::string PathOf(const DiscoveryService& service, absl::string_view method) {
  return absl::StrCat("/", service.name, "/", method);
}

std::string SotwRequest(const std::string& type_url, const std::vector<std::string>& names,
                        const DiscoveryResponse* answered = nullptr) {
  DiscoveryRequest request;
  if (answered == nullptr) request.mutable_node()->set_id("n1");
  request.set_type_url(type_url);
  for (const std::string& name : names) request.add_resource_names(name);
  if (answered != nullptr) {
    request.set_response_nonce(answered->nonce());
    request.set_version_info(answered->version_info());
  }
  return request.SerializeAsString();
}

std::string DeltaRequest(const std::string& type_url, const std::vector<std::string>& names) {
  DeltaDiscoveryRequest request;
  request.mutable_node()->set_id("n1");
  request.set_type_url(type_url);
  for (const std::string& name : names) request.add_resource_names_subscribe(name);
  return request.SerializeAsString();
}

TEST_CASE("each type has its services, and a stream of one needs no type URL", "[grpc][C1]") {
  Proxies proxies(&Bodies());
  proxies.Publish({{"cluster", "x", "1", {}},
                   {"endpoints", "x", "1", {}},
                   {"listener", "x", "1", {}},
                   {"route", "x", "1", {}}});
  const auto channel = PlaintextChannelTo(proxies.plaintext().address());
  int served = 0;
  for (const DiscoveryService& service : DiscoveryServices()) {
    const ResourceType* type = nullptr;
    for (const char* name : {"cluster", "endpoints", "listener", "route"}) {
      const ResourceType* known = proxies.registry().FindByShortName(name);
      if (known->message_name() == service.message_name) type = known;
    }
    if (type == nullptr) continue;
    ++served;
    INFO(service.name);
    for (const std::string& url : {std::string(), type->type_url()}) {
      RawStream sotw(channel, PathOf(service, service.sotw_method));
      REQUIRE(sotw.Send(SotwRequest(url, {"x"})));
      DiscoveryResponse response;
      REQUIRE(response.ParseFromString(sotw.Receive().value_or("\xff")));
      CHECK(response.type_url() == type->type_url());
      CHECK(response.resources_size() == 1);

      RawStream delta(channel, PathOf(service, service.delta_method));
      REQUIRE(delta.Send(DeltaRequest(url, {"x"})));
      DeltaDiscoveryResponse changes;
      REQUIRE(changes.ParseFromString(delta.Receive().value_or("\xff")));
      CHECK(changes.type_url() == type->type_url());
      REQUIRE(changes.resources_size() == 1);
      CHECK(changes.resources(0).name() == "x");
    }
  }
  CHECK(served == 4);
}

TEST_CASE("another type on a stream of one type ends it (XDS C1, S-18)", "[grpc]") {
  Proxies proxies(&Bodies());
  proxies.Publish({});
  const auto channel = PlaintextChannelTo(proxies.plaintext().address());
  const std::string endpoints =
      "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
  RawStream first(channel, "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters");
  REQUIRE(first.Send(SotwRequest(endpoints, {"a"})));
  CHECK_FALSE(first.Receive().has_value());
  const grpc::Status ended = first.Finish();
  CHECK(ended.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(absl::StrContains(ended.error_message(), "ClusterLoadAssignment on a stream of"));

  // A later request as well, and in both variants.
  RawStream later(channel, "/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters");
  REQUIRE(later.Send(DeltaRequest("", {})));
  CHECK(later.Receive().has_value());
  REQUIRE(later.Send(DeltaRequest(endpoints, {"a"})));
  CHECK_FALSE(later.Receive().has_value());
  CHECK(later.Finish().error_code() == grpc::StatusCode::INVALID_ARGUMENT);

  // Where any type may come, it must be said.
  RawStream aggregated(channel,
                       "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
                       "StreamAggregatedResources");
  REQUIRE(aggregated.Send(SotwRequest("", {})));
  CHECK_FALSE(aggregated.Receive().has_value());
  CHECK(aggregated.Finish().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("streams of one node are independent of each other (XDS C12)", "[grpc]") {
  Proxies proxies(&Bodies());
  proxies.Publish({{"endpoints", "a", "1", {}}, {"endpoints", "b", "1", {}}});
  const auto channel = PlaintextChannelTo(proxies.plaintext().address());
  const std::string method = "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints";
  RawStream first(channel, method), second(channel, method);
  DiscoveryResponse of_first, of_second;
  for (const auto& [stream, response] : {std::pair(&first, &of_first), {&second, &of_second}}) {
    REQUIRE(stream->Send(SotwRequest("", {"a", "b"})));
    REQUIRE(response->ParseFromString(stream->Receive().value_or("\xff")));
    CHECK(response->resources_size() == 2);
  }
  CHECK(of_first.nonce() != of_second.nonce());
  // The first one lets go of everything; the second one still has it.
  REQUIRE(first.Send(SotwRequest("", {}, &of_first)));
  REQUIRE(second.Send(SotwRequest("", {"a", "b"}, &of_second)));
  proxies.Publish({{"endpoints", "a", "2", {}}, {"endpoints", "b", "1", {}}});
  DiscoveryResponse changed;
  REQUIRE(changed.ParseFromString(second.Receive().value_or("\xff")));
  CHECK(changed.resources_size() == 1);
  first.WritesDone();
  CHECK_FALSE(first.Receive().has_value());
  CHECK(first.Finish().ok());
}

TEST_CASE("a proxy is told to report its load, and what it reports is added up", "[grpc][LRS]") {
  using envoy::service::load_stats::v3::LoadStatsRequest;
  using envoy::service::load_stats::v3::LoadStatsResponse;
  Proxies proxies(&Bodies());
  proxies.Publish({{"cluster", "a", "1", {}}});
  const auto channel = PlaintextChannelTo(proxies.plaintext().address());
  RawStream stream(channel, std::string(kLoadStatsMethod));
  LoadStatsRequest first;
  first.mutable_node()->set_id("n1");
  first.mutable_node()->add_client_features("envoy.lrs.supports_send_all_clusters");
  REQUIRE(stream.Send(first.SerializeAsString()));
  LoadStatsResponse told;
  REQUIRE(told.ParseFromString(stream.Receive().value_or("\xff")));
  CHECK(told.send_all_clusters());
  CHECK(told.load_reporting_interval().seconds() == 10);
  LoadStatsRequest report;
  auto* const stats = report.add_cluster_stats();
  stats->set_cluster_name("a");
  stats->add_upstream_locality_stats()->set_total_issued_requests(7);
  REQUIRE(stream.Send(report.SerializeAsString()));
  stream.WritesDone();
  CHECK_FALSE(stream.Receive().has_value());
  CHECK(stream.Finish().ok());
  const auto rows = proxies.loads().Rows();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].cluster == "a");
  CHECK(rows[0].load.issued == 7);
}

TEST_CASE("what is not served says what to do instead", "[grpc]") {
  Proxies proxies(&Bodies());
  const auto channel = PlaintextChannelTo(proxies.plaintext().address());
  const std::pair<std::string, std::string> cases[] = {
      {"/envoy.service.health.v3.HealthDiscoveryService/StreamHealthCheck", "health_checks"},
      {"/envoy.service.cluster.v3.ClusterDiscoveryService/FetchClusters",
       "POST /v3/discovery:clusters"},
      {"/envoy.service.route.v3.VirtualHostDiscoveryService/StreamVirtualHosts", "no method"},
      {"/nothing/here", "no method /nothing/here"}};
  for (const auto& [method, words] : cases) {
    RawStream stream(channel, method);
    stream.Send("");
    CHECK_FALSE(stream.Receive().has_value());
    const grpc::Status ended = stream.Finish();
    INFO(ended.error_message());
    CHECK(ended.error_code() == grpc::StatusCode::UNIMPLEMENTED);
    CHECK(absl::StrContains(ended.error_message(), words));
  }
}

TEST_CASE("a request that is too large ends the stream and says the limit", "[grpc][limits]") {
  Proxies proxies(&Bodies());
  proxies.Publish({});
  grpc::ChannelArguments arguments;
  const auto channel = PlaintextChannelTo(proxies.plaintext().address());
  RawStream stream(channel,
                   "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
                   "StreamAggregatedResources");
  stream.Send(std::string(limits::kMaxRequestBytes + 1, '\0'));
  CHECK_FALSE(stream.Receive().has_value());
  const grpc::Status ended = stream.Finish();
  CHECK(ended.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(absl::StrContains(ended.error_message(), absl::StrCat(limits::kMaxRequestBytes)));
}

TEST_CASE("streams beyond the limits end, and a place is free again with a stream's end",
          "[grpc][limits]") {
  Proxies proxies(&Bodies(), {.in_all = 3, .per_node = 2});
  proxies.Publish({{"cluster", "a", "1", {}}});
  const auto channel = PlaintextChannelTo(proxies.plaintext().address());
  const std::string method = "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters";
  std::optional<RawStream> first, second, third;
  for (std::optional<RawStream>* stream : {&first, &second}) {
    stream->emplace(channel, method);
    REQUIRE((*stream)->Send(SotwRequest(kUrl, {})));
    CHECK((*stream)->Receive().has_value());
  }
  third.emplace(channel, method);
  REQUIRE(third->Send(SotwRequest(kUrl, {})));
  CHECK_FALSE(third->Receive().has_value());
  const grpc::Status of_node = third->Finish();
  CHECK(of_node.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(absl::StrContains(of_node.error_message(), "node n1 has 2 streams"));

  // A place is given back when the server is done with the call, a moment after its end.
  const auto ask_until_served = [&](std::optional<RawStream>& stream, const std::string& node) {
    DiscoveryRequest request;
    request.mutable_node()->set_id(node);
    for (int i = 0; i < 1000; ++i) {
      stream.emplace(channel, method);
      if (stream->Send(request.SerializeAsString()) && stream->Receive().has_value()) return true;
    }
    return false;
  };
  // Of other nodes there is room for one more.
  REQUIRE(ask_until_served(third, "n2"));
  RawStream fourth(channel, method);
  CHECK_FALSE(fourth.Receive().has_value());
  const grpc::Status in_all = fourth.Finish();
  CHECK(in_all.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(absl::StrContains(in_all.error_message(), "its 3 streams"));

  first->WritesDone();
  CHECK_FALSE(first->Receive().has_value());
  CHECK(first->Finish().ok());
  CHECK(ask_until_served(first, "n1"));
}

}  // namespace
}  // namespace signalbox::testing
