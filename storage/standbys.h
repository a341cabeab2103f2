#pragma once

#include <optional>
#include <string>

namespace signalbox {

// The standbys that a commit waits for before it is acknowledged, so that what was acknowledged
// outlives the server.
struct Standbys {
  std::string synchronous;       // which, as the server has them: "ANY 1 (a, b)"; "": none
  std::optional<int> connected;  // how many of them follow now; none: that may not be seen
};

}  // namespace signalbox
