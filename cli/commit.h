#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/error_details.h"
#include "cli/verb.h"
#include "signalbox/admin/v1/config.pb.h"

namespace signalbox::cli {

// KIND or KIND/NAME as the command line has it, in the namespace given; a name may hold further
// slashes. Whether the kind exists is the daemon's to say.
//   kInvalidArgument  the kind or, after a slash, the name is empty
absl::StatusOr<admin::v1::ResourceName> ParseResourceName(absl::string_view text,
                                                          absl::string_view namespace_name);

// "kind/name".
std::string ShortName(absl::string_view kind, absl::string_view name);

// The flags of every verb that commits a revision, and what they mean: -m, --request-id, --dry-run,
// --expect-revision.
std::vector<Flag> CommitFlags();
// Sets them in the request; a request id is made up unless given.
//   kInvalidArgument  --expect-revision is no revision
absl::Status ReadCommitFlags(const Arguments& arguments, admin::v1::ApplyRequest* request);

// The error of a request, with its id where a retry with it is what helps.
Failure CommitFailure(const admin::v1::ApplyRequest& request, const absl::Status& status);

// Prints what became of a request: the counts and the revision, for every format, and `warnings`,
// each a line of talk too.
void PrintCommit(const admin::v1::ApplyRequest& request, const admin::v1::ApplyResponse& response,
                 const std::vector<FieldViolation>& warnings, Output* out);

}  // namespace signalbox::cli
