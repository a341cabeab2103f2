#include "tests/testing/xds_bodies.h"

#include <google/protobuf/util/json_util.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "base/hash.h"
#include "server/types/settings.h"

namespace signalbox::testing {
namespace {

// The tag, padded as it says.
std::string Padded(const std::string& tag) {
  const size_t at = tag.find('@');
  if (at == std::string::npos) return tag;
  return tag + std::string(static_cast<size_t>(std::atoi(tag.c_str() + at + 1)) << 10, '.');
}

std::string Secrets(const std::vector<std::string>& names) {
  std::vector<std::string> secrets;
  for (const std::string& name : names)
    secrets.push_back(absl::StrCat(R"({"name":")", name, R"(","sds_config":{"ads":{}}})"));
  return absl::StrJoin(secrets, ",");
}

std::string Cluster(const XdsBodies::Spec& spec) {
  std::vector<std::string> clusters, secrets;
  bool is_static = false;
  for (absl::string_view reference : spec.refers_to) {
    if (absl::ConsumePrefix(&reference, "cluster/")) {
      clusters.push_back(absl::StrCat("\"", reference, "\""));
    } else if (absl::ConsumePrefix(&reference, "secret/")) {
      secrets.emplace_back(reference);
    } else {
      is_static = true;
    }
  }
  std::string json =
      absl::StrCat(R"({"name":")", spec.name, R"(","alt_stat_name":")", Padded(spec.tag), R"(",)");
  if (!secrets.empty()) {
    absl::StrAppend(
        &json, R"("transport_socket":{"name":"t","typed_config":{"@type":)",
        R"("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",)",
        R"("common_tls_context":{"tls_certificate_sds_secret_configs":[)", Secrets(secrets),
        "]}}},");
  }
  if (!clusters.empty()) {
    absl::StrAppend(
        &json, R"("cluster_type":{"name":"a","typed_config":{"@type":)",
        R"("type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",)",
        R"("clusters":[)", absl::StrJoin(clusters, ","), "]}}}");
  } else {
    absl::StrAppend(&json, is_static
                               ? R"("type":"STATIC"})"
                               : R"("type":"EDS","eds_cluster_config":{"eds_config":{"ads":{}}}})");
  }
  return json;
}

std::string Endpoints(const XdsBodies::Spec& spec) {
  return absl::StrCat(
      R"({"cluster_name":")", spec.name,
      R"(","endpoints":[{"lb_endpoints":[{"endpoint":{"hostname":")", Padded(spec.tag),
      R"(","address":{"socket_address":{"address":"127.0.0.1","port_value":80}}}}]}]})");
}

std::string Route(const XdsBodies::Spec& spec) {
  std::vector<std::string> routes;
  std::string vhds;
  for (const std::string& cluster : spec.refers_to) {
    if (cluster == "vhds") {
      vhds = R"(,"vhds":{"config_source":{"ads":{}}})";
      continue;
    }
    const bool opaque = cluster == "opaque";
    routes.push_back(
        absl::StrCat(R"({"match":{"prefix":"/"},"route":{")", opaque ? "cluster_header" : "cluster",
                     R"(":")", opaque ? "x-c" : absl::StripPrefix(cluster, "cluster/"), R"("}})"));
  }
  return absl::StrCat(R"({"name":")", spec.name, R"(","virtual_hosts":[{"name":")",
                      Padded(spec.tag), R"(","domains":["*"],"routes":[)",
                      absl::StrJoin(routes, ","), "]}]", vhds, "}");
}

// DOMAIN of what it refers to are its domains, "*" where there is none.
std::string VirtualHost(const XdsBodies::Spec& spec) {
  std::vector<std::string> domains, routes;
  for (absl::string_view reference : spec.refers_to) {
    if (absl::ConsumePrefix(&reference, "cluster/")) {
      routes.push_back(
          absl::StrCat(R"({"match":{"prefix":"/"},"route":{"cluster":")", reference, R"("}})"));
    } else if (reference != "on-demand") {
      domains.push_back(absl::StrCat("\"", reference, "\""));
    }
  }
  if (domains.empty()) domains.push_back("\"*\"");
  return absl::StrCat(R"({"name":")", spec.name, R"(","domains":[)", absl::StrJoin(domains, ","),
                      R"(],"response_headers_to_remove":[")", Padded(spec.tag), R"("],"routes":[)",
                      absl::StrJoin(routes, ","), "]}");
}

std::string Listener(const XdsBodies::Spec& spec) {
  std::vector<std::string> chains;
  for (const std::string& reference : spec.refers_to) {
    std::string config;
    absl::string_view name = reference;
    if (absl::ConsumePrefix(&name, "extension-config/")) {
      chains.push_back(absl::StrCat(R"({"filters":[{"name":")", name,
                                    R"(","config_discovery":{"config_source":{"ads":{}},)",
                                    R"("type_urls":["type.googleapis.com/x"]}}]})"));
      continue;
    }
    if (absl::ConsumePrefix(&name, "route/")) {
      config = absl::StrCat(
          R"("@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",)",
          R"("stat_prefix":"h","rds":{"config_source":{"ads":{}},"route_config_name":")", name,
          R"("})");
    } else {
      absl::ConsumePrefix(&name, "cluster/");
      config = absl::StrCat(
          R"("@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",)",
          R"("stat_prefix":"t","cluster":")", name, R"(")");
    }
    chains.push_back(absl::StrCat(R"({"filters":[{"name":"f","typed_config":{)", config, "}}]}"));
  }
  return absl::StrCat(R"({"name":")", spec.name, R"(","stat_prefix":")", Padded(spec.tag),
                      R"(","filter_chains":[)", absl::StrJoin(chains, ","), "]}");
}

std::string ScopedRoute(const XdsBodies::Spec& spec) {
  const std::string route =
      spec.refers_to.empty() ? "none" : std::string(absl::StripPrefix(spec.refers_to[0], "route/"));
  return absl::StrCat(R"({"name":")", spec.name, R"(","route_configuration_name":")", route,
                      R"(","key":{"fragments":[{"string_key":")", Padded(spec.tag), R"("}]}})");
}

std::string ExtensionConfig(const XdsBodies::Spec& spec) {
  const std::string cluster = spec.refers_to.empty()
                                  ? "none"
                                  : std::string(absl::StripPrefix(spec.refers_to[0], "cluster/"));
  return absl::StrCat(
      R"({"name":")", spec.name,
      R"(","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",)",
      R"("stat_prefix":")", Padded(spec.tag), R"(","cluster":")", cluster, R"("}})");
}

std::string Runtime(const XdsBodies::Spec& spec) {
  return absl::StrCat(R"({"name":")", spec.name, R"(","layer":{"tag":")", Padded(spec.tag),
                      R"("}})");
}

std::string Secret(const XdsBodies::Spec& spec) {
  return absl::StrCat(R"({"name":")", spec.name,
                      R"(","generic_secret":{"secret":{"inline_string":")", Padded(spec.tag),
                      R"("}}})");
}

// Its name is not in it: two of them with one tag differ all the same.
std::string LbEndpoint(const XdsBodies::Spec& spec) {
  return absl::StrCat(R"({"endpoint":{"hostname":")", spec.name, "=", Padded(spec.tag), R"("}})");
}

std::string JsonOf(const XdsBodies::Spec& spec) {
  if (spec.type == "cluster") return Cluster(spec);
  if (spec.type == "endpoints") return Endpoints(spec);
  if (spec.type == "route") return Route(spec);
  if (spec.type == "listener") return Listener(spec);
  if (spec.type == "scoped-route") return ScopedRoute(spec);
  if (spec.type == "extension-config") return ExtensionConfig(spec);
  if (spec.type == "runtime") return Runtime(spec);
  if (spec.type == "lb-endpoint") return LbEndpoint(spec);
  if (spec.type == "virtual-host") return VirtualHost(spec);
  SB_CHECK(spec.type == "secret");
  return Secret(spec);
}

}  // namespace

XdsBodies::XdsBodies() {
  auto descriptors = Descriptors::Create();
  SB_CHECK(descriptors.ok());
  descriptors_ = *std::move(descriptors);
  references_ = std::make_unique<References>(descriptors_.get());
}

std::string XdsBodies::Json(const Spec& said) {
  Spec spec = said;
  std::erase_if(spec.refers_to,
                [](absl::string_view word) { return absl::StartsWith(word, "ttl="); });
  return JsonOf(spec);
}

std::string XdsBodies::Body(const Spec& spec) {
  const ResourceType* type = registry_.FindByShortName(spec.type);
  SB_CHECK(type != nullptr);
  const auto message = descriptors_->New(descriptors_->FindMessage(type->message_name()));
  SB_CHECK(google::protobuf::util::JsonStringToMessage(Json(spec), message.get()).ok());
  return SerializeDeterministic(*message);
}

FragmentPtr XdsBodies::MadeOf(const Digest& record_hash) const {
  for (const auto& [spec, fragment] : made_) {
    if (fragment->record_hash() == record_hash) return fragment;
  }
  return nullptr;
}

FragmentPtr XdsBodies::Make(const Spec& spec) {
  FragmentPtr& made = made_[absl::StrCat(spec.type, "/", spec.name, "=", spec.tag, ">",
                                         absl::StrJoin(spec.refers_to, ","))];
  if (made != nullptr) return made;
  const ResourceType* type = registry_.FindByShortName(spec.type);
  const std::string body = Body(spec);
  auto references = references_->Of(*type, body);
  SB_CHECK(references.ok());
  ResourceSettings settings;
  for (absl::string_view said : spec.refers_to) {
    settings.on_demand |= said == "on-demand";
    if (absl::ConsumePrefix(&said, "ttl=")) SB_CHECK(absl::ParseDuration(said, &settings.ttl));
  }
  made = std::make_shared<const Fragment>(type->type_url(), spec.name, body, Sha256(body),
                                          *std::move(references), Sha256(body), settings);
  known_[{type->type_url(), body}] = {spec.name, spec.tag};
  tags_[absl::StrCat(type->type_url(), "/", spec.name, "=", made->version())] = spec.tag;
  versions_[absl::StrCat(type->type_url(), "/", spec.name, "=", spec.tag)] = made->version();
  return made;
}

std::pair<std::string, std::string> XdsBodies::NameAndTag(absl::string_view type_url,
                                                          absl::string_view body) const {
  const auto found = known_.find({std::string(type_url), std::string(body)});
  return found == known_.end() ? std::pair<std::string, std::string>() : found->second;
}

std::string XdsBodies::TagOfVersion(absl::string_view type_url, absl::string_view name,
                                    absl::string_view version) const {
  const auto found = tags_.find(absl::StrCat(type_url, "/", name, "=", version));
  return found == tags_.end() ? "" : found->second;
}

std::string XdsBodies::VersionOfTag(absl::string_view type_url, absl::string_view name,
                                    absl::string_view tag) const {
  const auto found = versions_.find(absl::StrCat(type_url, "/", name, "=", tag));
  return found == versions_.end() ? "" : found->second;
}

std::vector<std::string> XdsBodies::EndpointsOf(absl::string_view cluster_body) const {
  std::vector<std::string> names;
  const auto references = references_->Of(*registry_.FindByShortName("cluster"), cluster_body);
  SB_CHECK(references.ok());
  for (const Reference& reference : references->names) {
    if (reference.type == "endpoints") names.push_back(reference.name);
  }
  return names;
}

}  // namespace signalbox::testing
