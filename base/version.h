#pragma once

namespace signalbox {

// This program's version, by semantic versioning; what `signalbox version`, the API and metrics
// say.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace signalbox
