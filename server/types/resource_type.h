#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/descriptors/kinds.h"

namespace google::protobuf {
class Message;
}

namespace signalbox {

// The name of a resource that another one depends on.
struct Reference {
  std::string type;  // the type's short name: "cluster"
  std::string name;

  friend bool operator==(const Reference&, const Reference&) = default;
  friend auto operator<=>(const Reference&, const Reference&) = default;
};

// The type of a reference that a resource has to itself: another name that it goes by (XDS X6). No
// resource type is called so.
inline constexpr absl::string_view kAlias = "alias";

// An xDS resource type: its names and what the protocol asks of it. One object per type, immutable,
// owned by the TypeRegistry and as long-lived; pointers to it may be compared. Safe from any
// thread.
class ResourceType {
 public:
  // What the protocol asks of a type.
  struct Protocol {
    absl::string_view abbreviation;  // of its discovery service: "CDS"
    bool full_state_in_sotw =
        false;  // every SotW response lists all; what is absent is deleted (LDS, CDS)
    bool legacy_wildcard = false;  // a first request without names asks for all (LDS, CDS)
    bool delta_only = false;       // SotW clients do not ask for it, and get nothing (LEDS, VHDS)
    absl::Span<const absl::string_view> refers_to = {};  // short names of what it may name; static
    // Adds what a resource of the type refers to by a rule that the table of fields cannot express.
    // Order and repetition do not matter. Null: there is no such rule.
    void (*add_own_references)(const google::protobuf::Message& resource,
                               std::vector<Reference>* references) = nullptr;
  };

  ResourceType(const Kind& kind, const Protocol& protocol) : kind_(kind), protocol_(protocol) {
    type_url_ = std::string(kTypeUrlPrefix) + std::string(kind.message_name);
  }
  ResourceType(const ResourceType&) = delete;
  ResourceType& operator=(const ResourceType&) = delete;

  // What users, the store and logs call it: "cluster".
  absl::string_view short_name() const { return kind_.name; }
  // Of its discovery service: "CDS".
  absl::string_view abbreviation() const { return protocol_.abbreviation; }
  // "envoy.config.cluster.v3.Cluster".
  absl::string_view message_name() const { return kind_.message_name; }
  // "type.googleapis.com/envoy.config.cluster.v3.Cluster".
  const std::string& type_url() const { return type_url_; }
  // The field of the message that holds the resource's name: "name" or "cluster_name"; "" where
  // the message does not say it.
  absl::string_view name_field() const { return kind_.name_field; }
  // Each SotW response must list every subscribed resource: the client deletes what is absent.
  bool full_state_in_sotw() const { return protocol_.full_state_in_sotw; }
  // A stream's first request of this type without names is a wildcard.
  bool legacy_wildcard() const { return protocol_.legacy_wildcard; }
  // There is no such type in SotW.
  bool delta_only() const { return protocol_.delta_only; }
  // The position in push order, from 0.
  int index() const { return index_; }

  // Short names of the types that resources of this one may name.
  absl::Span<const absl::string_view> refers_to() const { return protocol_.refers_to; }
  // The type is a secret: it goes to those only who may read it (XDS 1.8).
  bool secret() const { return kind_.secret; }

  // Adds what `resource`, a message of this type, refers to by a rule of its own, such as the
  // endpoints that an EDS cluster takes its own name for. Order and repetition do not matter.
  void AddOwnReferences(const google::protobuf::Message& resource,
                        std::vector<Reference>* references) const {
    if (protocol_.add_own_references != nullptr) protocol_.add_own_references(resource, references);
  }

 private:
  friend class TypeRegistry;

  const Kind kind_;
  const Protocol protocol_;
  std::string type_url_;
  int index_ = 0;  // set once, by the registry
};

}  // namespace signalbox
