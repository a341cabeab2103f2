#pragma once

#include "absl/status/statusor.h"
#include "server/admin/caller.h"
#include "signalbox/admin/v1/revisions.pb.h"
#include "storage/resource_store.h"

namespace signalbox {

// RevisionsService: the history. Errors are the store's, and those of server/admin/errors.h. Safe
// from any thread.
class RevisionsHandler {
 public:
  // `store` must outlive this object.
  explicit RevisionsHandler(ResourceStore* store) : store_(store) {}

  // A page, the newest revision first, of all or of those that changed one resource. What is
  // committed between two pages is on none of them.
  //   kInvalidArgument  namespace, kind, page size or page token
  //   kAborted          the token is of another epoch
  absl::StatusOr<admin::v1::ListRevisionsResponse> List(
      const admin::v1::ListRevisionsRequest& request, const Caller& caller);

 private:
  ResourceStore* const store_;
};

}  // namespace signalbox
