#include "server/admin/revision_info.h"

#include "server/admin/proto_time.h"

namespace signalbox {

void SetInfo(const RevisionInfo& info, admin::v1::RevisionInfo* out) {
  out->set_revision(info.revision.number);
  SetTimestamp(info.time, out->mutable_time());
  out->set_author(info.author);
  out->set_message(info.message);
  const absl::string_view kind = RevisionKindName(info.kind);
  out->set_kind(kind.data(), kind.size());
  out->set_digest(info.digest.Hex());
}

}  // namespace signalbox
