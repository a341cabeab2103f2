#include "cli/apply_verb.h"

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/error_details.h"
#include "cli/admin_client.h"
#include "cli/commit.h"
#include "server/descriptors/descriptors.h"

namespace signalbox::cli {
namespace {

FieldViolation ToViolation(const ManifestError& error) {
  std::string place = error.file;
  if (error.position.line > 0)
    absl::StrAppend(&place, ":", error.position.line, ":", error.position.column);
  return {error.field, error.what, place};
}

// The violation in the files' terms; as it is when it concerns no resource of the request.
FieldViolation AtManifest(const FieldViolation& violation, const std::vector<Manifest>& manifests) {
  absl::string_view rest = violation.field;
  size_t index = 0;
  if (!absl::ConsumePrefix(&rest, "resources[")) return violation;
  const size_t end = rest.find(']');
  if (end == absl::string_view::npos || !absl::SimpleAtoi(rest.substr(0, end), &index) ||
      index >= manifests.size()) {
    return violation;
  }
  rest.remove_prefix(end + 1);
  absl::ConsumePrefix(&rest, ".");
  const Manifest& manifest = manifests[index];
  absl::string_view in_spec = rest;
  if (in_spec == "spec" || absl::ConsumePrefix(&in_spec, "spec.")) {
    return ToViolation(
        AtSpecField(manifest, in_spec == "spec" ? "" : in_spec, violation.description));
  }
  return {std::string(rest), violation.description, manifest.Source()};
}

ExitCode Apply(Context& context, const Arguments& arguments) {
  admin::v1::ApplyRequest request;
  if (const absl::Status status = ReadCommitFlags(arguments, &request); !status.ok()) {
    Failure failure(status);
    failure.exit_code = ExitCode::kUsage;
    return context.out->Fail(failure);
  }
  const absl::StatusOr<std::unique_ptr<Descriptors>> descriptors = Descriptors::Create();
  if (!descriptors.ok()) return context.out->Fail(descriptors.status());
  const LoadedManifests loaded = LoadManifests(**descriptors, arguments.Values("file"), *context.in,
                                               context.namespace_name, NoDocuments::kError);
  if (!loaded.errors.empty()) {
    std::vector<FieldViolation> violations;
    for (const ManifestError& error : loaded.errors) violations.push_back(ToViolation(error));
    return context.out->Fail({InvalidFields(violations), "nothing was sent"});
  }
  for (const Manifest& manifest : loaded.manifests) *request.add_resources() = ToResource(manifest);

  absl::StatusOr<std::unique_ptr<AdminClient>> client = Connect(context);
  if (!client.ok()) return context.out->Fail(AdminFailure(client.status()));
  const absl::StatusOr<admin::v1::ApplyResponse> response = (*client)->Apply(request);
  if (!response.ok()) {
    return context.out->Fail(
        CommitFailure(request, AtManifests(response.status(), loaded.manifests)));
  }
  std::vector<FieldViolation> warnings;
  for (const admin::v1::Warning& warning : response->warnings()) {
    warnings.push_back(AtManifest({warning.field(), warning.message(), ""}, loaded.manifests));
  }
  PrintCommit(request, *response, warnings, context.out);
  return ExitCode::kDone;
}

}  // namespace

admin::v1::Resource ToResource(const Manifest& manifest) {
  admin::v1::Resource resource;
  resource.set_namespace_(manifest.namespace_name);
  resource.set_kind(manifest.kind);
  resource.set_name(manifest.name);
  resource.mutable_labels()->insert(manifest.labels.begin(), manifest.labels.end());
  resource.mutable_annotations()->insert(manifest.annotations.begin(), manifest.annotations.end());
  for (const std::string& group : manifest.groups) resource.add_groups(group);
  *resource.mutable_spec() = manifest.spec;
  resource.set_source(manifest.Source());
  return resource;
}

absl::Status AtManifests(const absl::Status& status, const std::vector<Manifest>& manifests) {
  std::vector<FieldViolation> violations = ViolationsOf(status);
  if (violations.empty() || !absl::IsInvalidArgument(status)) return status;
  for (FieldViolation& violation : violations) violation = AtManifest(violation, manifests);
  return InvalidFields(violations);
}

Verb ApplyVerb() {
  std::vector<Flag> flags = {
      {.name = "file",
       .value = "FILE",
       .help = "manifests in YAML or JSON: a file, a directory, or - for the standard input",
       .letter = 'f',
       .takes = Flag::Takes::kValues,
       .required = Flag::Required::kYes}};
  for (Flag& flag : CommitFlags()) flags.push_back(std::move(flag));
  return {
      .name = "apply",
      .group = Verb::Group::kConfig,
      .help = "Create and replace what manifests say, all of it or nothing",
      .example = "signalbox apply -f prod/ -m 'raise timeout'\nsignalbox apply -f - < cluster.yaml",
      .flags = std::move(flags),
      .run = Apply};
}

}  // namespace signalbox::cli
