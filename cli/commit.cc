#include "cli/commit.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/json.h"
#include "cli/admin_client.h"

namespace signalbox::cli {
namespace {

using admin::v1::ApplyResponse;

std::string Counts(const ApplyResponse& response) {
  return absl::StrCat("+", response.created(), " create  ~", response.updated(), " update  -",
                      response.removed(), " delete  =", response.unchanged(), " unchanged");
}

std::string Text(const ApplyResponse& response) {
  switch (response.outcome()) {
    case ApplyResponse::UNCHANGED:
      return absl::StrCat("nothing to change; the head is revision ", response.revision());
    case ApplyResponse::REPEATED:
      return absl::StrCat("revision ", response.revision(),
                          " was committed by an earlier try of this request");
    case ApplyResponse::VALIDATED:
      return absl::StrCat("plan  ", Counts(response),
                          "\ndry run: nothing was written; the head is revision ",
                          response.revision());
    default:
      return absl::StrCat("plan  ", Counts(response), "\nrevision ", response.revision(),
                          " committed");
  }
}

std::string OutcomeName(ApplyResponse::Outcome outcome) {
  switch (outcome) {
    case ApplyResponse::NEW_REVISION:
      return "committed";
    case ApplyResponse::UNCHANGED:
      return "unchanged";
    case ApplyResponse::REPEATED:
      return "repeated";
    case ApplyResponse::VALIDATED:
      return "validated";
    default:
      return "unknown";
  }
}

}  // namespace

absl::StatusOr<admin::v1::ResourceName> ParseResourceName(absl::string_view text,
                                                          absl::string_view namespace_name) {
  const size_t slash = text.find('/');
  const absl::string_view kind = text.substr(0, slash);
  admin::v1::ResourceName name;
  name.set_namespace_(std::string(namespace_name));
  name.set_kind(std::string(kind));
  if (slash != absl::string_view::npos) name.set_name(std::string(text.substr(slash + 1)));
  if (kind.empty() || (slash != absl::string_view::npos && name.name().empty())) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" names no resource: write KIND/NAME"));
  }
  return name;
}

std::string ShortName(absl::string_view kind, absl::string_view name) {
  return absl::StrCat(kind, "/", name);
}

std::vector<Flag> CommitFlags() {
  return {
      {.name = "message", .value = "TEXT", .help = "why, for the history", .letter = 'm'},
      {.name = "dry-run", .help = "validate and say what would change, but write nothing"},
      {.name = "expect-revision", .value = "N", .help = "refuse unless the head is revision N"},
      {.name = "request-id",
       .value = "ID",
       .help = "makes a retry safe: the same id commits once; a new one unless given"},
  };
}

absl::Status ReadCommitFlags(const Arguments& arguments, admin::v1::ApplyRequest* request) {
  request->set_message(arguments.ValueOr("message", ""));
  request->set_validate_only(arguments.Has("dry-run"));
  request->set_request_id(arguments.Value("request-id").value_or(NewRequestId()));
  if (const auto text = arguments.Value("expect-revision")) {
    int64_t revision = 0;
    if (!absl::SimpleAtoi(*text, &revision) || revision < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--expect-revision \"", *text,
                       "\" is no revision; write a number, 0 for the empty store"));
    }
    request->set_expected_revision(revision);
  }
  return absl::OkStatus();
}

Failure CommitFailure(const admin::v1::ApplyRequest& request, const absl::Status& status) {
  Failure failure = AdminFailure(status);
  failure.request_id = request.request_id();
  const bool unknown = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  if (unknown && !request.validate_only() && ReasonOf(status) != AdminClient::kNotConnected) {
    failure.hint =
        absl::StrCat("whether it was written is unknown; the same command with --request-id ",
                     request.request_id(), " writes it once at most");
  } else if (absl::IsFailedPrecondition(status) || absl::IsAborted(status)) {
    failure.hint =
        "nothing was written; look at what is there now, then decide again: signalbox get KIND";
  }
  return failure;
}

void PrintCommit(const admin::v1::ApplyRequest& request, const ApplyResponse& response,
                 const std::vector<FieldViolation>& warnings, Output* out) {
  Report report;
  report.kind = "ApplyResult";
  report.data = Json::Object({{"outcome", OutcomeName(response.outcome())},
                              {"revision", response.revision()},
                              {"created", response.created()},
                              {"updated", response.updated()},
                              {"removed", response.removed()},
                              {"unchanged", response.unchanged()},
                              {"request_id", request.request_id()}});
  if (!warnings.empty()) {
    Json list = Json::Array();
    for (const FieldViolation& warning : warnings) {
      list.Append(Json::Object({{"source", warning.subject},
                                {"field", warning.field},
                                {"message", warning.description}}));
      out->Warn(warning.ToString());
    }
    report.data.Set("warnings", std::move(list));
  }
  report.text = Text(response);
  for (const admin::v1::Resource& resource : request.resources()) {
    report.names.push_back(ShortName(resource.kind(), resource.name()));
  }
  for (const admin::v1::ResourceName& name : request.removals()) {
    report.names.push_back(ShortName(name.kind(), name.name()));
  }
  out->Print(report);
}

}  // namespace signalbox::cli
