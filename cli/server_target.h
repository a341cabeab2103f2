#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/verb.h"

namespace signalbox::cli {

// Where the daemon's admin API is, in gRPC's notation: what --server says, else the socket that the
// options say (the same file and environment as the daemon's). When that one was not said by
// anybody and is not there, but the system's daemon has one at /run/signalbox/admin.sock, it is
// that.
//   kInvalidArgument  --server is neither unix:PATH nor HOST:PORT, or the options are wrong
absl::StatusOr<std::string> ServerTarget(const Context& context);

}  // namespace signalbox::cli
