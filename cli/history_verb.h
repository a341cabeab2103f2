#pragma once

#include <vector>

#include "absl/time/time.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "signalbox/admin/v1/revisions.pb.h"

namespace signalbox::cli {

// `history [KIND/NAME]`: revisions, the newest first.
Verb HistoryVerb();

// The revisions for every format, in the order given. `now` is what ages are told from.
Report HistoryReport(const std::vector<admin::v1::RevisionEntry>& revisions, absl::Time now);

}  // namespace signalbox::cli
