#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "signalbox/admin/v1/nodes.pb.h"

namespace signalbox::cli {

// `nodes` and `nodes list`: the fleet. `nodes get ID`: one proxy, type by type.
Verb NodesVerb();
Verb NodesListVerb();
Verb NodesGetVerb();

// The proxies for every format, in the order given.
Report NodesReport(const std::vector<admin::v1::Node>& nodes, absl::Time now);

// One proxy, with a line for each of its types.
Report NodeReport(const admin::v1::Node& node, absl::Time now);

}  // namespace signalbox::cli
