#pragma once

#include <vector>

#include "absl/time/time.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "signalbox/admin/v1/nodes.pb.h"
#include "signalbox/admin/v1/system.pb.h"

namespace signalbox::cli {

// `status [--problems]`: the daemon, its store and the fleet in a few lines.
Verb StatusVerb();

// `nodes`: the proxies with a problem; `problems_only` leaves the rest out of the text.
Report StatusReport(const admin::v1::InfoResponse& info, const std::vector<admin::v1::Node>& nodes,
                    absl::Time now, bool problems_only);

}  // namespace signalbox::cli
