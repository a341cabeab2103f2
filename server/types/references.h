#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/descriptors/descriptors.h"
#include "server/types/resource_type.h"

namespace signalbox {

// What a resource names of others.
struct ResourceReferences {
  std::vector<Reference> names;  // sorted, unique; its own aliases too, as kAlias
  // It may use clusters that it does not name here: by a request's header, a script, a plug-in,
  // configuration that it fetches elsewhere, or an extension whose message is not known.
  bool opaque = false;
};

// Finds what resources refer to by one table (references.cc) of the fields of Envoy's API that name
// a cluster or a route configuration, through every nested `typed_config`. Only types that the
// registry lists are in the result. A route configuration or endpoints that come from a file or
// from a server of their own (ConfigSource) are not ours and no reference. Nor are the clusters by
// which a ConfigSource reaches its server: Envoy demands that its bootstrap defines them.
// Immutable; safe from any thread.
class References {
 public:
  // `descriptors` must outlive this object.
  explicit References(const Descriptors* descriptors);

  // What the resource of `type` encoded in `body` refers to.
  //   kInvalidArgument  `body` is not such a message
  absl::StatusOr<ResourceReferences> Of(const ResourceType& type, absl::string_view body) const;
  // The same for the resource that is stored as `name`.
  //   kInvalidArgument  also where the message itself says another name
  absl::StatusOr<ResourceReferences> Of(const ResourceType& type, absl::string_view name,
                                        absl::string_view body) const;

  // The fields of the table, "envoy.config.route.v3.RouteAction.cluster", sorted: for the test that
  // it is complete.
  static std::vector<std::string> TableFields();

 private:
  ResourceReferences Of(const ResourceType& type, const google::protobuf::Message& message) const;

  const Descriptors* const descriptors_;
  const std::set<std::string> types_;  // the registry's short names
};

}  // namespace signalbox
