#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace signalbox {

// Why a client does not get what it asked for by name (cncf/xds TP3, XDS X5). Older clients would
// wait in vain for an answer that has nothing else in it, and none says that it reads this.

// Whether a client with this `user_agent_name` and `user_agent_version` is of a kind, and of a
// version, that reads `resource_errors` (resource_errors.cc has the table).
bool ReadsResourceErrors(absl::string_view agent, absl::string_view version);

// An envoy.service.discovery.v3.ResourceError, encoded: there is no resource of that name.
std::string NotFound(const std::string& name);

}  // namespace signalbox
