#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"

namespace signalbox {

// A resource that a node refused and is not sent again at this content (XDS W2).
struct Quarantine {
  std::string type;  // short name
  std::string name;
  std::string version;  // of the refused content
  std::string error;    // what the node said
  // The hash of the record that goes in its place: what the node took before.
  std::optional<Digest> last_good;
  bool may_hold = false;  // without `last_good`: the node may have something of that name

  friend bool operator==(const Quarantine&, const Quarantine&) = default;
};

// All that a node refuses, as the client that it is: another build may take it.
struct NodeQuarantines {
  std::string node;                     // node.id
  std::string client;                   // user agent and version, "envoy 1.40.0"
  std::string namespace_name;           // of the resources
  std::vector<Quarantine> quarantines;  // by type and name, each once; none: it refuses nothing

  friend bool operator==(const NodeQuarantines&, const NodeQuarantines&) = default;
};

}  // namespace signalbox
