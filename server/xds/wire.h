#pragma once

#include "absl/status/status.h"
#include "server/xds/response.h"

namespace signalbox {

// The writing side of a stream's connection: gRPC or a test's. The owner calls the Stream's On...
// methods. Its methods do not block and call nobody back before they return.
class Wire {
 public:
  virtual ~Wire() = default;

  // Starts to write; Stream::OnWriteDone follows. One at a time.
  virtual void Write(Response response) = 0;
  // Ends the stream with this status; nothing is started afterwards.
  virtual void Finish(const absl::Status& status) = 0;
};

}  // namespace signalbox
