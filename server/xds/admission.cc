#include "server/xds/admission.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/xds/limits.h"

namespace signalbox {

absl::Status Admission::Open(StreamQuota* quota, absl::Time now) {
  if (quota != nullptr) {
    SB_ASSIGN_OR_RETURN(place_, quota->Take());
  }
  first_request_by_ = now + limits::kFirstRequestWithin;
  return absl::OkStatus();
}

absl::Status Admission::CheckInTime(absl::Time now) const {
  if (now < first_request_by_) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat("no request came within ",
                                                  absl::FormatDuration(limits::kFirstRequestWithin),
                                                  " of the stream's beginning"));
}

absl::Status Admission::Name(const std::string& node_id) {
  return place_ == nullptr ? absl::OkStatus() : place_->Name(node_id);
}

}  // namespace signalbox
