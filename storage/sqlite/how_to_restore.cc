#include "storage/sqlite/how_to_restore.h"

#include "absl/strings/str_cat.h"

namespace signalbox {

std::string HowToRestore(absl::string_view directory) {
  return absl::StrCat("`mkdir ", directory, "/damaged && mv ", directory, "/*.db* ", directory,
                      "/damaged/`, `signalbox db verify BACKUP && cp BACKUP/*.db ", directory,
                      "/`, `signalbox db adopt --yes`: BACKUP is the newest backup, and what was "
                      "committed after the revision in its manifest.json is lost");
}

}  // namespace signalbox
