#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/descriptors/descriptors.h"
#include "server/snapshot/snapshot_reader.h"
#include "server/types/registry.h"

namespace signalbox {

// Discovery without a stream: each request asks for what it names as of now, and is told when it
// has that already. Nothing is remembered of it: what a proxy refused is not held back here, and
// nothing waits for anything else. Safe from any thread.
class RestDiscovery {
 public:
  struct Answer {
    int status;        // of HTTP
    std::string body;  // of a 200 a DiscoveryResponse in JSON, of an error what is wrong
  };

  // All pointers must outlive this object. `server_id` is what answers name as their control plane.
  RestDiscovery(const Descriptors* descriptors, const TypeRegistry* types,
                const SnapshotReader* snapshots, std::string server_id);

  // The answer to a POST of `body`, an envoy.service.discovery.v3.DiscoveryRequest in proto3 JSON,
  // to `path`. Either name of a field is taken; what is of no use here is left aside, known or not,
  // since proxies are newer than their servers now and then.
  //   200  what the proxy should have of the names that it gives
  //   304  that is what its version_info says
  //   400  the body is no such request, has no node.id, or another type than the path's
  //   403  secrets, which this port does not give away
  //   404  there is no such path, or nothing of its type is served
  //   503  no configuration is loaded yet
  Answer Post(absl::string_view path, absl::string_view body) const;

  // Whether there is such a path.
  static bool Has(absl::string_view path);

 private:
  const Descriptors* const descriptors_;
  const TypeRegistry* const types_;
  const SnapshotReader* const snapshots_;
  const std::string server_id_;
};

}  // namespace signalbox
