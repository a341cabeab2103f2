#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/admin/caller.h"
#include "server/admin/judging.h"
#include "server/descriptors/descriptors.h"
#include "server/descriptors/kinds.h"
#include "signalbox/admin/v1/config.pb.h"
#include "storage/model/audit_event.h"
#include "storage/model/change_set.h"
#include "storage/model/resource.h"
#include "storage/resource_store.h"

namespace signalbox {

// ConfigService: what is in the store, read and changed. Reads are of the store's head, never of
// what is served. Errors are the store's, and those of server/admin/errors.h. Safe from any thread.
class ConfigHandler {
 public:
  // Is told how each Apply ended; on the caller's thread, so quick and safe from any.
  using Applied = std::function<void(const admin::v1::ApplyRequest& request, const Caller& caller,
                                     const absl::StatusOr<admin::v1::ApplyResponse>& result)>;

  // Says whether changes are taken now; asked on the caller's thread.
  using Admit = std::function<absl::Status()>;

  // Puts an event into the audit log, on the caller's thread.
  using Audit = std::function<absl::Status(const AuditEvent& event)>;

  // All must outlive this object. `admit` and `applied` may be empty; without `audit` secrets are
  // not shown.
  ConfigHandler(ResourceStore* store, const Descriptors* descriptors, JudgeSource judges,
                Admit admit = {}, Applied applied = {}, Audit audit = {});

  // Judges the change by a dry run, then commits it as one revision (HOUSE section 3). With
  // validate_only it says what would have been done, and writes nothing.
  //   kInvalidArgument  the request or what would come of it; field violations name the fields
  //   kCancelled        the caller has gone; nothing was written
  //   any               what Admit says and what ResourceStore::Commit gives
  absl::StatusOr<admin::v1::ApplyResponse> Apply(const admin::v1::ApplyRequest& request,
                                                 const Caller& caller);

  // What a secret keeps secret is redacted unless the request's view is FULL.
  //   kInvalidArgument  namespace, kind or name
  //   kNotFound         it is not there
  //   any               with FULL: what Audit says; nothing is shown then
  absl::StatusOr<admin::v1::Resource> Get(const admin::v1::GetRequest& request,
                                          const Caller& caller);

  // A page, sorted by namespace, kind, name. What was committed between two pages may be missed or
  // not; nothing comes twice.
  //   kInvalidArgument  namespace, kind, filter, page size or page token
  //   kAborted          the token is of another epoch
  absl::StatusOr<admin::v1::ListResponse> List(const admin::v1::ListRequest& request,
                                               const Caller& caller);

 private:
  absl::StatusOr<admin::v1::ApplyResponse> JudgeAndCommit(const admin::v1::ApplyRequest& request,
                                                          const Caller& caller);
  absl::StatusOr<admin::v1::ApplyResponse> Validate(const ChangeSet& changes,
                                                    const Preconditions& preconditions,
                                                    const Judging& judging);
  absl::Status AuditReads(absl::Span<const Resource> resources, const Caller& caller);
  admin::v1::Resource Render(const Resource& resource, uint64_t epoch, admin::v1::View view) const;
  absl::StatusOr<google::protobuf::Struct> SpecOf(const Kind& kind, const Record& record,
                                                  admin::v1::View view) const;

  ResourceStore* const store_;
  const Descriptors* const descriptors_;
  const JudgeSource judges_;
  const Admit admit_;
  const Applied applied_;
  const Audit audit_;
};

}  // namespace signalbox
