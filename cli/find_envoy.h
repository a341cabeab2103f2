#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace signalbox::cli {

// The Envoy that the demo runs: `given`, else the first `envoy` on PATH, else the newest that the
// set-up installed, as CACHE/signalbox/envoy-VERSION/envoy. `environment` is the process'.
//   kNotFound  there is none
absl::StatusOr<std::string> FindEnvoy(const std::optional<std::string>& given,
                                      const std::map<std::string, std::string>& environment);

}  // namespace signalbox::cli
