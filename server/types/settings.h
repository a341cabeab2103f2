#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signalbox {

// What a user says of how a resource is served, in annotations that begin with "signalbox/".
struct ResourceSettings {
  // "signalbox/on-demand": a virtual host that goes to who asks for it, and to nobody else.
  bool on_demand = false;
  // "signalbox/ttl": a delta client that is cut off drops the resource after this time (XDS L1).
  // Zero for never.
  absl::Duration ttl = absl::ZeroDuration();

  friend bool operator==(const ResourceSettings&, const ResourceSettings&) = default;
};

// An annotation that says nothing of use.
struct SettingError {
  std::string annotation;   // its key
  std::string description;  // what is wrong, and what to write
};

// What the annotations of a resource of the kind `short_name` say. What is wrong with them is added
// to `errors`, which may be null, and has no effect. Annotations of others are none of ours. Pure.
ResourceSettings ReadSettings(absl::string_view short_name,
                              const std::map<std::string, std::string>& annotations,
                              std::vector<SettingError>* errors);

}  // namespace signalbox
