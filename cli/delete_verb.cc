#include "cli/delete_verb.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "cli/admin_client.h"
#include "cli/commit.h"

namespace signalbox::cli {
namespace {

ExitCode Usage(Context& context, const absl::Status& status) {
  Failure failure(status, "signalbox delete cluster/payments");
  failure.exit_code = ExitCode::kUsage;
  return context.out->Fail(failure);
}

ExitCode Delete(Context& context, const Arguments& arguments) {
  admin::v1::ApplyRequest request;
  if (const absl::Status status = ReadCommitFlags(arguments, &request); !status.ok())
    return Usage(context, status);
  for (const std::string& text : arguments.positionals()) {
    absl::StatusOr<admin::v1::ResourceName> name = ParseResourceName(text, context.namespace_name);
    if (!name.ok()) return Usage(context, name.status());
    if (name->name().empty()) {
      return Usage(context,
                   absl::InvalidArgumentError(absl::StrCat(
                       "\"", text, "\" is a kind: name the resources to delete, as KIND/NAME")));
    }
    *request.add_removals() = *std::move(name);
  }
  absl::StatusOr<std::unique_ptr<AdminClient>> client = Connect(context);
  if (!client.ok()) return context.out->Fail(AdminFailure(client.status()));
  const absl::StatusOr<admin::v1::ApplyResponse> response = (*client)->Apply(request);
  if (!response.ok()) return context.out->Fail(CommitFailure(request, response.status()));
  std::vector<FieldViolation> warnings;
  for (const admin::v1::Warning& warning : response->warnings())
    warnings.push_back({warning.field(), warning.message(), ""});
  PrintCommit(request, *response, warnings, context.out);
  return ExitCode::kDone;
}

}  // namespace

Verb DeleteVerb() {
  return {.name = "delete",
          .group = Verb::Group::kConfig,
          .help = "Remove resources, all of them or none",
          .example = "signalbox delete route/old cluster/old -m 'no longer used'",
          .flags = CommitFlags(),
          .positionals = {.name = "KIND/NAME",
                          .help = "what to remove",
                          .at_least = 1,
                          .at_most = Positionals::kAny},
          .run = Delete};
}

}  // namespace signalbox::cli
