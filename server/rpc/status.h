#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace signalbox {

// What a status may take on the wire. gRPC clients refuse headers over 8 KiB unless told otherwise,
// and binary ones travel as base64. Longer messages are cut; of more field violations the first
// ones are kept, and the last one says how many are not shown.
inline constexpr size_t kMaxErrorMessageBytes = 1024;
inline constexpr size_t kMaxErrorDetailBytes = 4608;

// The status as gRPC carries it, code for code. Field violations become a google.rpc.BadRequest, a
// reason becomes a google.rpc.ErrorInfo of the domain "signalbox", both inside the
// google.rpc.Status of the binary details.
grpc::Status ToGrpc(const absl::Status& status);

// The reverse. Details that are not ours are dropped, and so are ones that cannot be read.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace signalbox
