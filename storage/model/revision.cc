#include "storage/model/revision.h"

namespace signalbox {

absl::string_view RevisionKindName(RevisionKind kind) {
  switch (kind) {
    case RevisionKind::kApply:
      return "apply";
    case RevisionKind::kRollback:
      return "rollback";
    case RevisionKind::kImport:
      return "import";
    case RevisionKind::kRestore:
      return "restore";
  }
  return "unknown";
}

}  // namespace signalbox
