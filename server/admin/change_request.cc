#include "server/admin/change_request.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "base/status_macros.h"
#include "google/protobuf/message.h"
#include "server/admin/errors.h"
#include "server/admin/etag.h"
#include "server/admin/limits.h"
#include "server/descriptors/field_path.h"
#include "server/descriptors/json.h"
#include "server/descriptors/key_material.h"
#include "server/descriptors/kinds.h"
#include "server/types/settings.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/model/resource.h"

namespace signalbox {
namespace {

// Reads one request; collects what is wrong with it.
class Reader {
 public:
  Reader(const Descriptors& descriptors, uint64_t epoch)
      : descriptors_(descriptors), epoch_(epoch) {}

  absl::StatusOr<Change> Read(const admin::v1::ApplyRequest& request) {
    SB_RETURN_IF_ERROR(ReadEnvelope(request));
    size_t bytes = 0;
    for (int i = 0; i < request.resources_size() && !full(); ++i) {
      SB_RETURN_IF_ERROR(ReadResource(absl::StrCat("resources[", i, "]"), request.resources(i)));
      if (!change_.changes.upserts.empty())
        bytes += change_.changes.upserts.back().record.body.size();
      if (bytes > limits::kMaxCommitBytes) {
        return errors::TooLarge("the sum of the resources", bytes, limits::kMaxCommitBytes);
      }
    }
    for (int i = 0; i < request.removals_size() && !full(); ++i) {
      ReadRemoval(absl::StrCat("removals[", i, "]"), request.removals(i));
    }
    if (!violations_.empty()) return InvalidFields(violations_);
    return std::move(change_);
  }

 private:
  bool full() const { return violations_.size() >= limits::kMaxViolations; }

  void Warn(std::string field, std::string description) {
    if (change_.warnings.size() < limits::kMaxViolations)
      change_.warnings.push_back({std::move(field), std::move(description), ""});
  }

  void Fault(std::string field, std::string description) {
    if (!full()) violations_.push_back({std::move(field), std::move(description), ""});
  }

  absl::Status ReadEnvelope(const admin::v1::ApplyRequest& request) {
    const size_t count = static_cast<size_t>(request.resources_size()) +
                         static_cast<size_t>(request.removals_size());
    if (count == 0) return errors::NothingToApply();
    if (count > limits::kMaxChangesPerCommit) {
      return errors::TooLarge("the number of changes", count, limits::kMaxChangesPerCommit);
    }
    CheckLength("message", request.message(), limits::kMaxMessageBytes);
    CheckLength("request_id", request.request_id(), limits::kMaxRequestIdBytes);
    change_.changes.message = request.message();
    change_.changes.request_id = request.request_id();
    if (request.has_expected_revision()) {
      if (request.expected_revision() < 0)
        Fault("expected_revision", "must not be negative; 0 is the empty store");
      change_.preconditions.expected_revision = Revision{request.expected_revision()};
    }
    return absl::OkStatus();
  }

  void CheckLength(const std::string& field, const std::string& text, size_t limit) {
    if (text.size() > limit) {
      Fault(field, absl::StrCat("is too long: ", text.size(), " bytes, the limit is ", limit));
    } else if (absl::StrContains(text, '\0')) {
      Fault(field, "must not hold a NUL character");
    }
  }

  // What names a resource; null when it names none.
  const Kind* ReadKey(const std::string& at, const std::string& namespace_name,
                      const std::string& kind, const std::string& name, ResourceKey* key) {
    const size_t before = violations_.size();
    *key = {namespace_name.empty() ? std::string(kDefaultNamespace) : namespace_name, kind, name};
    if (key->namespace_name != kDefaultNamespace) {
      Fault(absl::StrCat(at, ".namespace"), errors::UnknownNamespace(namespace_name));
    }
    const Kind* const type = FindKind(kind);
    if (type == nullptr) {
      Fault(absl::StrCat(at, ".kind"),
            kind.empty() ? errors::Missing() : errors::UnknownKind(kind, KindNames()));
    }
    if (name.empty()) {
      Fault(absl::StrCat(at, ".name"), errors::Missing());
    } else {
      CheckLength(absl::StrCat(at, ".name"), name, limits::kMaxNameBytes);
    }
    if (violations_.size() != before) return nullptr;
    const auto [known, is_new] = keys_.emplace(*key, at);
    if (!is_new) {
      Fault(at, absl::StrCat(kind, "/", name, " stands twice in one request: it is ", known->second,
                             " too"));
      return nullptr;
    }
    return type;
  }

  absl::Status ReadResource(const std::string& at, const admin::v1::Resource& resource) {
    Upsert upsert;
    const Kind* const type =
        ReadKey(at, resource.namespace_(), resource.kind(), resource.name(), &upsert.key);
    const size_t before = violations_.size();
    upsert.record.labels = {resource.labels().begin(), resource.labels().end()};
    upsert.record.annotations = {resource.annotations().begin(), resource.annotations().end()};
    upsert.record.owner = resource.owner();
    upsert.record.source = resource.source();
    for (int i = 0; i < resource.groups_size(); ++i) {
      if (resource.groups(i) != kDefaultGroup) {
        Fault(absl::StrCat(at, ".groups[", i, "]"), errors::UnknownGroup(resource.groups(i)));
      }
    }
    const std::set<std::string> groups(resource.groups().begin(), resource.groups().end());
    upsert.record.targets = {groups.begin(), groups.end()};
    if (!resource.etag().empty()) {
      const absl::StatusOr<Revision> revision = ParseEtag(resource.etag(), epoch_);
      if (absl::IsAborted(revision.status())) return revision.status();
      if (revision.ok()) {
        change_.preconditions.expected_changes[upsert.key] = *revision;
      } else {
        Fault(absl::StrCat(at, ".etag"), std::string(revision.status().message()));
      }
    }
    if (type == nullptr) return absl::OkStatus();
    std::vector<SettingError> wrong;
    ReadSettings(type->name, upsert.record.annotations, &wrong);
    for (SettingError& error : wrong)
      Fault(absl::StrCat(at, ".annotations.", error.annotation), std::move(error.description));
    SB_RETURN_IF_ERROR(ReadSpec(absl::StrCat(at, ".spec"), *type, resource, &upsert.record.body));
    if (violations_.size() == before) change_.changes.upserts.push_back(std::move(upsert));
    return absl::OkStatus();
  }

  absl::Status ReadSpec(const std::string& at, const Kind& type,
                        const admin::v1::Resource& resource, std::string* body) {
    if (!resource.has_spec()) {
      Fault(at, errors::Missing());
      return absl::OkStatus();
    }
    std::vector<FieldError> problems;
    const absl::StatusOr<std::unique_ptr<google::protobuf::Message>> read = MessageFromJson(
        descriptors_, descriptors_.FindMessage(type.message_name), resource.spec(), &problems);
    for (const FieldError& problem : problems) {
      // What is logged of a refused secret must not hold it.
      Fault(problem.path.empty() ? at : absl::StrCat(at, ".", problem.path),
            type.secret ? errors::WithoutQuoted(problem.description) : problem.description);
    }
    if (!read.ok() && problems.empty())
      return type.secret
                 ? absl::InvalidArgumentError(errors::WithoutQuoted(read.status().message()))
                 : read.status();
    if (!read.ok()) return absl::OkStatus();
    const std::unique_ptr<google::protobuf::Message>& message = *read;

    CheckKeyMaterial(at, type, *message);

    if (!type.name_field.empty()) ReadOwnName(at, type, resource.name(), message.get());
    *body = SerializeDeterministic(*message);
    if (body->size() > limits::kMaxBodyBytes) {
      Fault(at, absl::StrCat("is too large: ", body->size(), " bytes, the limit is ",
                             limits::kMaxBodyBytes));
    }
    return absl::OkStatus();
  }

  // The name may be left out of the spec; if it is there it is the same.
  void ReadOwnName(const std::string& at, const Kind& type, const std::string& name,
                   google::protobuf::Message* message) {
    const google::protobuf::FieldDescriptor* field =
        message->GetDescriptor()->FindFieldByName(std::string(type.name_field));
    const std::string in_spec = message->GetReflection()->GetString(*message, field);
    if (in_spec.empty()) {
      message->GetReflection()->SetString(message, field, name);
    } else if (in_spec != name) {
      Fault(absl::StrCat(at, ".", type.name_field), errors::NameMismatch(in_spec, name));
    }
  }

  void CheckKeyMaterial(const std::string& at, const Kind& type,
                        const google::protobuf::Message& message) {
    for (const KeyMaterial& key : FindKeyMaterial(descriptors_, message, limits::kMaxViolations)) {
      const std::string field = absl::StrCat(at, ".", key.path);
      if (key.redacted) {
        Fault(field, errors::RedactedValue());
      } else if (!type.secret) {
        Warn(field, errors::KeyMaterialNotSealed());
      }
    }
  }

  void ReadRemoval(const std::string& at, const admin::v1::ResourceName& name) {
    ResourceKey key;
    if (ReadKey(at, name.namespace_(), name.kind(), name.name(), &key) != nullptr) {
      change_.changes.removals.push_back(std::move(key));
    }
  }

  const Descriptors& descriptors_;
  const uint64_t epoch_;

  Change change_;
  std::map<ResourceKey, std::string> keys_;  // where each stands in the request
  std::vector<FieldViolation> violations_;
};

}  // namespace

absl::StatusOr<Change> ReadChange(const Descriptors& descriptors,
                                  const admin::v1::ApplyRequest& request, uint64_t epoch) {
  return Reader(descriptors, epoch).Read(request);
}

absl::Status AtRequestPaths(absl::Status status, const ChangeSet& changes) {
  std::vector<FieldViolation> violations = ViolationsOf(status);
  if (violations.empty()) return status;
  return WithViolations(std::move(status), AtRequestPaths(std::move(violations), changes));
}

std::vector<FieldViolation> AtRequestPaths(std::vector<FieldViolation> violations,
                                           const ChangeSet& changes) {
  std::map<std::string, std::string> paths;
  for (size_t i = 0; i < changes.upserts.size(); ++i) {
    paths[changes.upserts[i].key.ToString()] = absl::StrCat("resources[", i, "]");
  }
  for (size_t i = 0; i < changes.removals.size(); ++i) {
    paths[changes.removals[i].ToString()] = absl::StrCat("removals[", i, "]");
  }
  for (FieldViolation& violation : violations) {
    const auto path = paths.find(violation.subject);
    if (path == paths.end()) {
      violation.description =
          FieldViolation{violation.field, violation.description, violation.subject}.ToString();
      violation.field = "";
    } else {
      violation.field = violation.field.empty()
                            ? path->second
                            : absl::StrCat(path->second, ".spec.", violation.field);
    }
    violation.subject = "";
  }
  return violations;
}

}  // namespace signalbox
