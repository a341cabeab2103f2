#pragma once

#include "signalbox/admin/v1/config.pb.h"
#include "storage/model/revision.h"

namespace signalbox {

// What is known of a revision, in the API's words.
void SetInfo(const RevisionInfo& info, admin::v1::RevisionInfo* out);

}  // namespace signalbox
