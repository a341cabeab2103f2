#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/manifest.h"
#include "cli/verb.h"
#include "signalbox/admin/v1/config.pb.h"

namespace signalbox::cli {

// `apply -f`: creates and replaces what manifests say, all as one revision or none.
Verb ApplyVerb();

// The resource that a manifest asks for.
admin::v1::Resource ToResource(const Manifest& manifest);

// The daemon's error with its paths in the request, such as `resources[3].spec.lb_policy`, turned
// into places in the files. `manifests` are the request's resources, in its order.
absl::Status AtManifests(const absl::Status& status, const std::vector<Manifest>& manifests);

}  // namespace signalbox::cli
