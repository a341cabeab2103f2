#include "server/http/rest_discovery.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "server/descriptors/json.h"
#include "server/descriptors/kinds.h"
#include "server/snapshot/restricted_version.h"
#include "server/types/xdstp.h"
#include "server/xds/limits.h"
#include "server/xds/services.h"
#include "storage/model/resource.h"

namespace signalbox {
namespace {

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

// What is read of a request. The rest of it says nothing to somebody who remembers nothing, so that
// protobuf's own reader of JSON, which throws at some of what a client may write, is not needed.
struct Request {
  std::string node_id;
  std::string type_url;
  std::string version_info;
  std::vector<std::string> names;  // as they stand
};

// The field of an object by either of its names; null when it is not there, or null itself.
//   kInvalidArgument  it stands there under both
absl::StatusOr<const Json*> Field(const Json& object, absl::string_view name,
                                  absl::string_view camel_name) {
  const Json* const value = object.Find(name);
  const Json* const other = name == camel_name ? nullptr : object.Find(camel_name);
  if (value != nullptr && other != nullptr)
    return absl::InvalidArgumentError(absl::StrCat(name, " is there twice"));
  const Json* const found = value != nullptr ? value : other;
  return found == nullptr || found->is_null() ? nullptr : found;
}

absl::StatusOr<std::string> TextField(const Json& object, absl::string_view name,
                                      absl::string_view camel_name) {
  SB_ASSIGN_OR_RETURN(const Json* const value, Field(object, name, camel_name));
  if (value == nullptr) return std::string();
  if (value->kind() != Json::Kind::kString)
    return absl::InvalidArgumentError(absl::StrCat(name, " is no text"));
  return value->text();
}

// Adds the names of a list: of texts, or of objects with a text `name`.
absl::Status AddNames(const Json& request, absl::string_view name, absl::string_view camel_name,
                      bool objects, std::vector<std::string>* names) {
  SB_ASSIGN_OR_RETURN(const Json* const list, Field(request, name, camel_name));
  if (list == nullptr) return absl::OkStatus();
  if (!list->is_array()) return absl::InvalidArgumentError(absl::StrCat(name, " is no list"));
  for (const Json& element : list->elements()) {
    if (objects) {
      SB_ASSIGN_OR_RETURN(std::string text, TextField(element, "name", "name"));
      names->push_back(std::move(text));
    } else if (element.kind() == Json::Kind::kString) {
      names->push_back(element.text());
    } else {
      return absl::InvalidArgumentError(absl::StrCat(name, " is no list of texts"));
    }
  }
  return absl::OkStatus();
}

// Reads `body`; an error's text says what is wrong.
absl::StatusOr<Request> Parse(absl::string_view body) {
  SB_ASSIGN_OR_RETURN(const Json json, Json::Parse(body));
  if (!json.is_object()) return absl::InvalidArgumentError("it is no object");
  Request request;
  SB_ASSIGN_OR_RETURN(const Json* const node, Field(json, "node", "node"));
  if (node != nullptr) {
    SB_ASSIGN_OR_RETURN(request.node_id, TextField(*node, "id", "id"));
  }
  SB_ASSIGN_OR_RETURN(request.type_url, TextField(json, "type_url", "typeUrl"));
  SB_ASSIGN_OR_RETURN(request.version_info, TextField(json, "version_info", "versionInfo"));
  SB_RETURN_IF_ERROR(AddNames(json, "resource_names", "resourceNames", false, &request.names));
  SB_RETURN_IF_ERROR(AddNames(json, "resource_locators", "resourceLocators", true, &request.names));
  return request;
}

// What a request asks for.
struct Wanted {
  bool all = false;
  std::vector<std::string> names;  // sorted, each once
};

absl::StatusOr<Wanted> ReadNames(const Request& request, const ResourceType& type) {
  Wanted wanted;
  wanted.all = request.names.empty() && type.legacy_wildcard();
  std::set<std::string> names;
  for (const std::string& name : request.names) {
    if (name.size() > limits::kMaxTokenBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a resource name is longer than ", limits::kMaxTokenBytes, " bytes: ", name.size()));
    }
    if (name == "*") {
      wanted.all = true;
    } else {
      names.insert(NormalizedName(name));
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
  const absl::StatusOr<Request> request = Parse(body);
  if (!request.ok()) {
    return {400, absl::StrCat("the body is not a DiscoveryRequest in JSON: ",
                              request.status().message())};
  }
  if (request->node_id.empty()) return {400, "node.id is missing"};
  if (!request->type_url.empty() && request->type_url != type_url) {
    return {400, absl::StrCat("type_url is another one than the path's, ", type_url)};
  }
  const absl::StatusOr<Wanted> wanted = ReadNames(*request, *type);
  if (!wanted.ok()) return {400, std::string(wanted.status().message())};

  // Groups come with their match rules; until then every node is in the default one.
  const SnapshotPtr snapshot =
      snapshots_->Current({std::string(kDefaultNamespace), std::string(kDefaultGroup)});
  if (snapshot == nullptr) return {503, "the configuration is not loaded yet"};
  // Of an empty store that nobody vouched for a proxy keeps what it has.
  if (snapshot->unproven && !request->version_info.empty()) return {304, ""};
  const TypeSet& set = *snapshot->types[type->index()];
  const std::string version = wanted->all ? set.version() : RestrictedVersion(set, wanted->names);
  if (request->version_info == version) return {304, ""};

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
