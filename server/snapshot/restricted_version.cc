#include "server/snapshot/restricted_version.h"

#include "absl/numeric/int128.h"
#include "absl/strings/str_format.h"

namespace signalbox {

std::string RestrictedVersion(const TypeSet& set, const std::vector<std::string>& names) {
  absl::uint128 hash = 0;
  for (const std::string& name : names) {
    if (const Fragment* fragment = set.Find(name)) hash += fragment->identity();
  }
  return absl::StrFormat("%016x%016x", absl::Uint128High64(hash), absl::Uint128Low64(hash));
}

}  // namespace signalbox
