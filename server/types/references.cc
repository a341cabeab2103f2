#include "server/types/references.h"

#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "server/descriptors/field_names.h"
#include "server/descriptors/json.h"
#include "server/types/config_source.h"
#include "server/types/registry.h"

namespace signalbox {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// What a row's field names, if not a resource of a type.
constexpr absl::string_view kOpaque =
    "(opaque)";  // something that leads to clusters not named here
constexpr absl::string_view kSecret = "secret";
constexpr absl::string_view kExtensionSource = "envoy.config.core.v3.ExtensionConfigSource";
constexpr absl::string_view kElsewhere = "(elsewhere)";  // nothing of ours: the walk goes no deeper

// A field that names something. A map names by its keys. Without a field the message's presence
// says it all. What comes from elsewhere, by `config_source`, names nothing of ours; but routes and
// the like may lead to clusters of ours.
struct Row {
  absl::string_view message;
  absl::string_view field;
  absl::string_view names;  // a type's short name, kOpaque or kElsewhere
  absl::string_view config_source =
      "";  // the field beside it that says where the resource comes from
};

constexpr Row kTable[] = {
    // HTTP routes
    {"envoy.config.route.v3.RouteAction", "cluster", "cluster"},
    {"envoy.config.route.v3.RouteAction", "cluster_header", kOpaque},
    {"envoy.config.route.v3.RouteAction", "cluster_specifier_plugin", kOpaque},
    {"envoy.config.route.v3.RouteAction.RequestMirrorPolicy", "cluster", "cluster"},
    {"envoy.config.route.v3.RouteAction.RequestMirrorPolicy", "cluster_header", kOpaque},
    {"envoy.config.route.v3.WeightedCluster.ClusterWeight", "name", "cluster"},
    {"envoy.config.route.v3.WeightedCluster.ClusterWeight", "cluster_header", kOpaque},
    {"envoy.config.route.v3.ClusterSpecifierPlugin", "", kOpaque},
    // By name what comes from here (AddRouteReferences).
    {"envoy.config.route.v3.Vhds", "", kOpaque, "config_source"},
    {"envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig", "default_cluster", "cluster"},
    {"envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction", "cluster", "cluster"},
    {"envoy.extensions.router.cluster_specifiers.priority_group.v3.ClusterWeight", "cluster_name",
     "cluster"},

    // What calls out to a service
    {"envoy.config.core.v3.GrpcService.EnvoyGrpc", "cluster_name", "cluster"},
    {"envoy.config.core.v3.HttpUri", "cluster", "cluster"},
    {"envoy.config.core.v3.ApiConfigSource", "", kElsewhere},
    {"envoy.config.trace.v3.DatadogConfig", "collector_cluster", "cluster"},
    {"envoy.config.trace.v3.LightstepConfig", "collector_cluster", "cluster"},
    {"envoy.config.trace.v3.ZipkinConfig", "collector_cluster", "cluster"},
    {"envoy.config.metrics.v3.StatsdSink", "tcp_cluster_name", "cluster"},
    {"envoy.extensions.tracers.fluentd.v3.FluentdConfig", "cluster", "cluster"},
    {"envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig", "cluster", "cluster"},

    // HTTP filters
    {"envoy.extensions.filters.http.cache_v2.v3.CacheV2Config", "override_upstream_cluster",
     "cluster"},
    {"envoy.extensions.filters.http.gcp_authn.v3.GcpAuthnFilterConfig", "cluster", "cluster"},
    {"envoy.extensions.filters.http.health_check.v3.HealthCheck", "cluster_min_healthy_percentages",
     "cluster"},
    {"envoy.extensions.filters.http.mcp_router.v3.McpRouter.McpCluster", "cluster", "cluster"},
    {"envoy.extensions.filters.http.lua.v3.Lua", "", kOpaque},
    {"envoy.extensions.filters.http.lua.v3.LuaPerRoute", "", kOpaque},
    {"envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor", "", kOpaque},

    // Network and UDP filters
    {"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "cluster", "cluster"},
    {"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight", "name",
     "cluster"},
    {"envoy.extensions.filters.network.dubbo_proxy.v3.RouteAction", "cluster", "cluster"},
    {"envoy.extensions.filters.network.generic_proxy.action.v3.RouteAction", "cluster", "cluster"},
    {"envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route", "cluster",
     "cluster"},
    {"envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route."
     "ReadCommandPolicy",
     "cluster", "cluster"},
    {"envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route."
     "RequestMirrorPolicy",
     "cluster", "cluster"},
    {"envoy.extensions.filters.network.thrift_proxy.v3.RouteAction", "cluster", "cluster"},
    {"envoy.extensions.filters.network.thrift_proxy.v3.RouteAction", "cluster_header", kOpaque},
    {"envoy.extensions.filters.network.thrift_proxy.v3.RouteAction.RequestMirrorPolicy", "cluster",
     "cluster"},
    {"envoy.extensions.filters.network.thrift_proxy.v3.WeightedCluster.ClusterWeight", "name",
     "cluster"},
    {"envoy.extensions.filters.network.sni_cluster.v3.SniCluster", "", kOpaque},
    {"envoy.extensions.filters.network.ext_proc.v3.NetworkExternalProcessor", "", kOpaque},
    {"envoy.extensions.filters.udp.udp_proxy.v3.Route", "cluster", "cluster"},
    {"envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig", "cluster", "cluster"},
    {"envoy.data.dns.v3.DnsTable.DnsEndpoint", "cluster_name", "cluster"},
    {"envoy.data.dns.v3.DnsTable.DnsServiceTarget", "cluster_name", "cluster"},
    // `envoy.tcp_proxy.cluster` is such a key; values are formatted per connection.
    {"envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue", "object_key", kOpaque},

    // Clusters made of clusters
    {"envoy.extensions.clusters.aggregate.v3.ClusterConfig", "clusters", "cluster"},
    {"envoy.extensions.clusters.composite.v3.ClusterConfig.ClusterEntry", "name", "cluster"},
    {"envoy.extensions.clusters.mcp_multicluster.v3.ClusterConfig.McpCluster", "cluster",
     "cluster"},

    // Code of the user's, and configuration that is fetched separately
    {"envoy.extensions.wasm.v3.PluginConfig", "", kOpaque},
    {"envoy.extensions.dynamic_modules.v3.DynamicModuleConfig", "", kOpaque},
    // By the name of the message that it stands in (VisitExtension).
    {"envoy.config.core.v3.ExtensionConfigSource", "", kOpaque, "config_source"},

    // Route configurations
    {"envoy.extensions.filters.network.http_connection_manager.v3.Rds", "route_config_name",
     "route", "config_source"},
    {"envoy.config.route.v3.ScopedRouteConfiguration", "route_configuration_name", "route"},
    // All scopes that there are.
    {"envoy.extensions.filters.network.http_connection_manager.v3.ScopedRds", "", kOpaque,
     "scoped_rds_config_source"},

    // Secrets
    {"envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig", "name", kSecret, "sds_config"},
};

// How many Any may stand within each other; deeper ones count as opaque.
constexpr int kMaxNestedAny = 32;

using RowsByMessage = std::multimap<absl::string_view, const Row*>;

const RowsByMessage& Rows() {
  static const RowsByMessage* const kRows = [] {
    auto* rows = new RowsByMessage();
    for (const Row& row : kTable) rows->emplace(row.message, &row);
    return rows;
  }();
  return *kRows;
}

const FieldDescriptor* Field(const Message& message, absl::string_view name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(std::string(name));
  SB_CHECK(field != nullptr);
  return field;
}

// The non-empty strings of a field: its value, its values or its keys.
std::vector<std::string> StringsOf(const Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  std::vector<std::string> strings;
  if (!field->is_repeated()) {
    strings.push_back(reflection->GetString(message, field));
  }
  for (int i = 0; field->is_repeated() && i < reflection->FieldSize(message, field); ++i) {
    if (field->is_map()) {
      const Message& entry = reflection->GetRepeatedMessage(message, field, i);
      strings.push_back(entry.GetReflection()->GetString(entry, entry.GetDescriptor()->map_key()));
    } else {
      strings.push_back(reflection->GetRepeatedString(message, field, i));
    }
  }
  strings.erase(std::remove(strings.begin(), strings.end(), ""), strings.end());
  return strings;
}

// Collects what a message and all below it refer to.
class Walk {
 public:
  Walk(const Descriptors* descriptors, ResourceReferences* found)
      : descriptors_(descriptors), found_(found) {}

  void Visit(const Message& message, int any_depth) {
    const std::string& name = message.GetDescriptor()->full_name();
    if (name == "google.protobuf.Any") return VisitAny(message, any_depth);
    if (IsTypedStruct(message.GetDescriptor())) return VisitTypedStruct(message, any_depth);
    const auto [first, last] = Rows().equal_range(name);
    for (auto row = first; row != last; ++row) {
      if (row->second->names == kElsewhere) return;
      Apply(*row->second, message);
    }
    std::vector<const FieldDescriptor*> fields;
    const Reflection* reflection = message.GetReflection();
    reflection->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      if (field->message_type()->full_name() == kExtensionSource) VisitExtension(message, *field);
      if (!field->is_repeated()) {
        Visit(reflection->GetMessage(message, field), any_depth);
        continue;
      }
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        Visit(reflection->GetRepeatedMessage(message, field, i), any_depth);
      }
    }
  }

 private:
  // An extension's configuration is a resource that goes by the extension's name (ECDS).
  void VisitExtension(const Message& extension, const FieldDescriptor& discovery) {
    const FieldDescriptor* const name = extension.GetDescriptor()->FindFieldByName("name");
    if (name == nullptr || discovery.is_repeated()) {
      found_->opaque = true;
      return;
    }
    const Reflection* reflection = extension.GetReflection();
    const Message& source = reflection->GetMessage(extension, &discovery);
    if (!ComesFromThisServer(
            source.GetReflection()->GetMessage(source, Field(source, "config_source")))) {
      return;
    }
    found_->names.push_back({"extension-config", reflection->GetString(extension, name)});
  }

  void Apply(const Row& row, const Message& message) {
    if (!row.config_source.empty()) {
      const Message& source =
          message.GetReflection()->GetMessage(message, Field(message, row.config_source));
      const bool ours = ComesFromThisServer(source);
      found_->opaque |= !ours && row.names != kSecret;
      if (!ours || row.field.empty()) return;
    }
    if (row.field.empty()) {
      found_->opaque = true;
      return;
    }
    for (std::string& name : StringsOf(message, Field(message, row.field))) {
      if (row.names == kOpaque) {
        found_->opaque = true;
      } else {
        found_->names.push_back({std::string(row.names), std::move(name)});
      }
    }
  }

  void VisitAny(const Message& any, int any_depth) {
    const Reflection* reflection = any.GetReflection();
    const std::string type_url = reflection->GetString(any, Field(any, "type_url"));
    if (type_url.empty()) return;
    const Descriptor* type = descriptors_->FindByTypeUrl(type_url);
    if (type == nullptr || any_depth >= kMaxNestedAny) {
      found_->opaque = true;
      return;
    }
    const auto value = descriptors_->Parse(type, reflection->GetString(any, Field(any, "value")));
    if (!value.ok()) {
      found_->opaque = true;
      return;
    }
    Visit(**value, any_depth + 1);
  }

  // Envoy turns the struct into the message that `type_url` names, if it knows that; so do we.
  void VisitTypedStruct(const Message& typed, int any_depth) {
    const Reflection* reflection = typed.GetReflection();
    const Descriptor* type =
        descriptors_->FindByTypeUrl(reflection->GetString(typed, Field(typed, "type_url")));
    google::protobuf::Struct json;
    const Message& value = reflection->GetMessage(typed, Field(typed, "value"));
    if (type == nullptr || any_depth >= kMaxNestedAny ||
        !json.ParseFromString(value.SerializeAsString())) {
      found_->opaque = true;
      return;
    }
    const auto message = MessageFromJson(*descriptors_, type, json, nullptr);
    if (!message.ok()) {
      found_->opaque = true;
      return;
    }
    Visit(**message, any_depth + 1);
  }

  const Descriptors* const descriptors_;
  ResourceReferences* const found_;
};

std::set<std::string> ShortNames() {
  const std::vector<std::string> names = TypeRegistry().short_names();
  return {names.begin(), names.end()};
}

}  // namespace

References::References(const Descriptors* descriptors)
    : descriptors_(descriptors), types_(ShortNames()) {}

absl::StatusOr<ResourceReferences> References::Of(const ResourceType& type,
                                                  absl::string_view body) const {
  const Descriptor* descriptor = descriptors_->FindMessage(type.message_name());
  SB_CHECK(descriptor != nullptr);
  SB_ASSIGN_OR_RETURN(const auto message, descriptors_->Parse(descriptor, body));
  return Of(type, *message);
}

absl::StatusOr<ResourceReferences> References::Of(const ResourceType& type, absl::string_view name,
                                                  absl::string_view body) const {
  const Descriptor* descriptor = descriptors_->FindMessage(type.message_name());
  SB_CHECK(descriptor != nullptr);
  SB_ASSIGN_OR_RETURN(const auto message, descriptors_->Parse(descriptor, body));
  if (type.name_field().empty()) return Of(type, *message);
  const std::string own =
      message->GetReflection()->GetString(*message, Field(*message, type.name_field()));
  if (own != name) {
    return absl::InvalidArgumentError(absl::StrCat("its ", type.name_field(), " is \"", own, "\""));
  }
  return Of(type, *message);
}

ResourceReferences References::Of(const ResourceType& type, const Message& message) const {
  ResourceReferences found;
  Walk(descriptors_, &found).Visit(message, 0);
  type.AddOwnReferences(message, &found.names);

  std::vector<Reference>& names = found.names;
  names.erase(std::remove_if(names.begin(), names.end(),
                             [&](const Reference& reference) {
                               return reference.type != kAlias && types_.count(reference.type) == 0;
                             }),
              names.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return found;
}

std::vector<std::string> References::TableFields() {
  std::vector<std::string> fields;
  for (const Row& row : kTable) {
    fields.push_back(row.field.empty() ? std::string(row.message)
                                       : absl::StrCat(row.message, ".", row.field));
  }
  std::sort(fields.begin(), fields.end());
  return fields;
}

}  // namespace signalbox
