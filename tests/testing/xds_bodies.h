#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/hash.h"
#include "server/descriptors/descriptors.h"
#include "server/snapshot/fragment.h"
#include "server/types/references.h"
#include "server/types/registry.h"

namespace signalbox::testing {

// Small real messages of each type, by name and tag: one tag is one content. Remembers what it
// made, so that a test can tell what it received. Not synchronised.
class XdsBodies {
 public:
  // What a resource is, in a test's words.
  struct Spec {
    std::string type;  // the short name
    std::string name;
    // The content: two tags, two contents. "x@300k" is padded to 300 KiB.
    std::string tag;
    // What it names: "cluster/a", "route/r" or "extension-config/e" of a listener, clusters of a
    // route or of an extension's configuration, the route of a scope, "secret/s" of a cluster, or
    // "cluster/a" of one that is made of others. Any other cluster takes its endpoints by its own
    // name unless "static" stands here. "opaque" of a route: its cluster stands in a header;
    // "vhds": it has virtual hosts of their own. Of a virtual host: "cluster/a", "on-demand", and
    // its domains, "*" where there are none. "ttl=3s" of any: its time to live.
    std::vector<std::string> refers_to;
  };

  XdsBodies();

  // The message as JSON.
  static std::string Json(const Spec& spec);
  // The message, serialised.
  std::string Body(const Spec& spec);
  FragmentPtr Make(const Spec& spec);
  FragmentPtr Make(absl::string_view type, absl::string_view name, absl::string_view tag) {
    return Make({std::string(type), std::string(name), std::string(tag), {}});
  }

  // What was made with this record hash; null for nothing.
  FragmentPtr MadeOf(const Digest& record_hash) const;

  // The name and the tag of a body that was made here; two empty ones for another.
  std::pair<std::string, std::string> NameAndTag(absl::string_view type_url,
                                                 absl::string_view body) const;
  // The tag of a version that was made here, or "".
  std::string TagOfVersion(absl::string_view type_url, absl::string_view name,
                           absl::string_view version) const;
  // The version of what was made under that name with that tag last, or "".
  std::string VersionOfTag(absl::string_view type_url, absl::string_view name,
                           absl::string_view tag) const;
  // The endpoints that a cluster's body refers to.
  std::vector<std::string> EndpointsOf(absl::string_view cluster_body) const;

  const Descriptors& descriptors() const { return *descriptors_; }
  const TypeRegistry& registry() const { return registry_; }
  const References& references() const { return *references_; }

 private:
  std::unique_ptr<Descriptors> descriptors_;
  TypeRegistry registry_;
  std::unique_ptr<References> references_;
  std::map<std::string, FragmentPtr> made_;  // by the spec as text
  std::map<std::pair<std::string, std::string>, std::pair<std::string, std::string>>
      known_;                                    // by type URL and body
  std::map<std::string, std::string> tags_;      // by type URL, name and version
  std::map<std::string, std::string> versions_;  // by type URL, name and tag
};

}  // namespace signalbox::testing
