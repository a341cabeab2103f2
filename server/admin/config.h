#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/admin/caller.h"
#include "server/admin/judging.h"
#include "server/descriptors/descriptors.h"
#include "server/types/registry.h"
#include "server/types/resource_type.h"
#include "signalbox/admin/v1/config.pb.h"
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

  // All must outlive this object. `admit` and `applied` may be empty.
  ConfigHandler(ResourceStore* store, const Descriptors* descriptors, const TypeRegistry* registry,
                JudgeSource judges, Admit admit = {}, Applied applied = {});

  // Judges the change by a dry run, then commits it as one revision (HOUSE section 3). With
  // validate_only it says what would have been done, and writes nothing.
  //   kInvalidArgument  the request or what would come of it; field violations name the fields
  //   kCancelled        the caller has gone; nothing was written
  //   any               what Admit says and what ResourceStore::Commit gives
  absl::StatusOr<admin::v1::ApplyResponse> Apply(const admin::v1::ApplyRequest& request,
                                                 const Caller& caller);

  //   kInvalidArgument  namespace, kind or name
  //   kNotFound         it is not there
  absl::StatusOr<admin::v1::Resource> Get(const admin::v1::GetRequest& request,
                                          const Caller& caller);

  // A page, sorted by namespace, kind, name. What was committed between two pages may be missed or
  // not; nothing comes twice. The head's content is read once for all pages as long as the head
  // stays the same.
  //   kInvalidArgument  namespace, kind, page size or page token
  //   kAborted          the token is of another epoch
  absl::StatusOr<admin::v1::ListResponse> List(const admin::v1::ListRequest& request,
                                               const Caller& caller) SB_EXCLUDES(mu_);

 private:
  absl::StatusOr<admin::v1::ApplyResponse> JudgeAndCommit(const admin::v1::ApplyRequest& request,
                                                          const Caller& caller);
  absl::StatusOr<admin::v1::ApplyResponse> Validate(const ChangeSet& changes,
                                                    const Preconditions& preconditions,
                                                    const Judging& judging);
  admin::v1::Resource Render(const Resource& resource, uint64_t epoch) const;
  absl::StatusOr<google::protobuf::Struct> SpecOf(const ResourceType& type,
                                                  const Record& record) const;
  absl::StatusOr<std::shared_ptr<const HeadState>> StateAt(const Head& head) SB_EXCLUDES(mu_);
  void Forget(const std::shared_ptr<const HeadState>& state) SB_EXCLUDES(mu_);

  ResourceStore* const store_;
  const Descriptors* const descriptors_;
  const TypeRegistry* const registry_;
  const JudgeSource judges_;
  const Admit admit_;
  const Applied applied_;

  Mutex mu_;
  // The newest head that a list was begun on, until a list on it comes to its end: one at most.
  std::shared_ptr<const HeadState> listed_ SB_GUARDED_BY(mu_);
};

}  // namespace signalbox
