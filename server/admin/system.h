#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/admin/caller.h"
#include "server/admin/nodes.h"
#include "signalbox/admin/v1/system.pb.h"
#include "storage/resource_store.h"
#include "storage/standbys.h"

namespace signalbox {

// What is known of the daemon from its start.
struct DaemonFacts {
  std::string version;
  absl::Time started;
  int64_t pid = 0;
  std::string xds_address;   // HOST:PORT as bound
  std::string http_address;  // "" when it is off
};

// SystemService. Safe from any thread.
class SystemHandler {
 public:
  // `store` must outlive this object; the functions must be safe from any thread.
  // `resource_counts`: how many resources of each type are served. `standbys`: those that the
  // store's server waits for; null where there are no servers.
  SystemHandler(DaemonFacts facts, ResourceStore* store, FleetView fleet,
                std::function<std::map<std::string, int>()> resource_counts,
                std::function<absl::StatusOr<Standbys>()> standbys);

  // Never fails on a store that does: it says so in `store_problem` and gives the rest.
  absl::StatusOr<admin::v1::InfoResponse> Info(const admin::v1::InfoRequest& request,
                                               const Caller& caller);

 private:
  const DaemonFacts facts_;
  ResourceStore* const store_;
  const FleetView fleet_;
  const std::function<std::map<std::string, int>()> resource_counts_;
  const std::function<absl::StatusOr<Standbys>()> standbys_;
};

}  // namespace signalbox
