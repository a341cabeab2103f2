#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace signalbox {

// What every type URL of xDS begins with.
inline constexpr absl::string_view kTypeUrlPrefix = "type.googleapis.com/";

// A kind of resource as a user writes it: what its `spec` is. Command line and server share this
// list.
struct Kind {
  absl::string_view name;          // "cluster"
  absl::string_view message_name;  // "envoy.config.cluster.v3.Cluster"
  // The message's field that holds the resource's name: "name" or "cluster_name"; "" where the
  // message does not say it.
  absl::string_view name_field;
  bool secret = false;  // what is in it is not shown, and not logged, unless asked for
};

// Every kind, sorted by name; lives as long as the process. What the protocol asks of each is in
// server/types/registry.cc.
absl::Span<const Kind> Kinds();

// Their names, sorted.
std::vector<std::string> KindNames();

// The kind of that name, or nullptr.
const Kind* FindKind(absl::string_view name);

}  // namespace signalbox
