#pragma once

#include <string>
#include <vector>

#include "server/snapshot/type_set.h"

namespace signalbox {

// The version of what `set` holds of `names`, which are sorted and each there once: equal for equal
// contents, whatever else the set holds (XDS D10).
std::string RestrictedVersion(const TypeSet& set, const std::vector<std::string>& names);

}  // namespace signalbox
