#include "server/http/rest_discovery.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "server/descriptors/json.h"
#include "server/descriptors/kinds.h"
#include "server/snapshot/restricted_version.h"
#include "server/xds/limits.h"
#include "server/xds/services.h"
#include "storage/model/resource.h"

namespace signalbox {
namespace {

using envoy::service::discovery::v3::DiscoveryRequest;

constexpr char kResponse[] = "envoy.service.discovery.v3.DiscoveryResponse";
// Fields of that.
constexpr int kVersionInfo = 1;
constexpr int kTypeUrl = 4;
constexpr int kControlPlane = 6;
constexpr int kControlPlaneIdentifier = 1;

const DiscoveryService* FindService(absl::string_view path) {
  if (path.empty()) return nullptr;
  for (const DiscoveryService& service : DiscoveryServices()) {
    if (service.rest_path == path) return &service;
  }
  return nullptr;
}

bool IsSecret(absl::string_view message_name) {
  const auto kinds = Kinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const Kind& kind) {
    return kind.secret && kind.message_name == message_name;
  });
}

// What a request asks for.
struct Wanted {
  bool all = false;
  std::vector<std::string> names;  // sorted, each once
};

// Reads `body`; an error's text says what is wrong.
absl::StatusOr<DiscoveryRequest> Parse(absl::string_view body) {
  DiscoveryRequest request;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(body.data(), body.size()), &request, options);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("the body is not a DiscoveryRequest in JSON: ",
                                                   std::string(status.message())));
  }
  if (request.node().id().empty()) return absl::InvalidArgumentError("node.id is missing");
  return request;
}

absl::StatusOr<Wanted> ReadNames(const DiscoveryRequest& request, const ResourceType& type) {
  Wanted wanted;
  wanted.all = request.resource_names().empty() && type.legacy_wildcard();
  std::set<std::string> names;
  for (const std::string& name : request.resource_names()) {
    if (name.size() > limits::kMaxTokenBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a resource name is longer than ", limits::kMaxTokenBytes, " bytes: ", name.size()));
    }
    if (name == "*") {
      wanted.all = true;
    } else {
      names.insert(name);
    }
  }
  wanted.names.assign(names.begin(), names.end());
  return wanted;
}

}  // namespace

RestDiscovery::RestDiscovery(const Descriptors* descriptors, const TypeRegistry* types,
                             const SnapshotReader* snapshots, std::string server_id)
    : descriptors_(descriptors),
      types_(types),
      snapshots_(snapshots),
      server_id_(std::move(server_id)) {}

bool RestDiscovery::Has(absl::string_view path) { return FindService(path) != nullptr; }

RestDiscovery::Answer RestDiscovery::Post(absl::string_view path, absl::string_view body) const {
  const DiscoveryService* const service = FindService(path);
  if (service == nullptr) return {404, absl::StrCat("there is no ", path)};
  if (IsSecret(service->message_name)) {
    return {403, "secrets are not served here; let the proxy ask for them over gRPC"};
  }
  const std::string type_url = absl::StrCat(kTypeUrlPrefix, service->message_name);
  const ResourceType* const type = types_->FindByUrl(type_url);
  if (type == nullptr) return {404, absl::StrCat("nothing of type ", type_url, " is served")};
  const absl::StatusOr<DiscoveryRequest> request = Parse(body);
  if (!request.ok()) return {400, std::string(request.status().message())};
  if (!request->type_url().empty() && request->type_url() != type_url) {
    return {400, absl::StrCat("type_url is another one than the path's, ", type_url)};
  }
  const absl::StatusOr<Wanted> wanted = ReadNames(*request, *type);
  if (!wanted.ok()) return {400, std::string(wanted.status().message())};

  // Groups come with their match rules; until then every node is in the default one.
  const SnapshotPtr snapshot =
      snapshots_->Current({std::string(kDefaultNamespace), std::string(kDefaultGroup)});
  if (snapshot == nullptr) return {503, "the configuration is not loaded yet"};
  // Of an empty store that nobody vouched for a proxy keeps what it has.
  if (snapshot->unproven && !request->version_info().empty()) return {304, ""};
  const TypeSet& set = *snapshot->types[type->index()];
  const std::string version = wanted->all ? set.version() : RestrictedVersion(set, wanted->names);
  if (request->version_info() == version) return {304, ""};

  std::string response;
  AppendField(kVersionInfo, version, &response);
  const auto append = [&](const Fragment& fragment) {
    response.append(fragment.sotw_form().data(), fragment.sotw_form().size());
  };
  if (wanted->all) {
    set.ForEach([&](const FragmentPtr& fragment) { append(*fragment); });
  } else {
    for (const std::string& name : wanted->names) {
      if (const Fragment* fragment = set.Find(name)) append(*fragment);
    }
  }
  AppendField(kTypeUrl, type_url, &response);
  std::string control_plane;
  AppendField(kControlPlaneIdentifier, server_id_, &control_plane);
  AppendField(kControlPlane, control_plane, &response);
  const auto message = descriptors_->Parse(descriptors_->FindMessage(kResponse), response);
  if (!message.ok()) return {500, std::string(message.status().message())};
  absl::StatusOr<std::string> json = MessageToJsonText(*descriptors_, **message);
  if (!json.ok()) return {500, std::string(json.status().message())};
  return {200, *std::move(json)};
}

}  // namespace signalbox
