#include "server/admin/system.h"

#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "server/admin/proto_time.h"
#include "server/admin/revision_info.h"

namespace signalbox {
namespace {

absl::Status AddStore(ResourceStore* store,
                      const std::function<absl::StatusOr<Standbys>()>& standbys,
                      admin::v1::InfoResponse* response) {
  SB_ASSIGN_OR_RETURN(const Head head, store->ReadHead());
  if (head.revision > Revision{0}) {
    SB_ASSIGN_OR_RETURN(const RevisionInfo info, store->GetRevision(head.revision));
    SetInfo(info, response->mutable_head());
  }
  SB_ASSIGN_OR_RETURN(const int64_t bytes, store->SizeBytes());
  response->set_store_bytes(bytes);
  if (standbys == nullptr) return absl::OkStatus();
  SB_ASSIGN_OR_RETURN(const Standbys waited_for, standbys());
  response->mutable_standbys()->set_synchronous(waited_for.synchronous);
  if (waited_for.connected.has_value())
    response->mutable_standbys()->set_connected(*waited_for.connected);
  return absl::OkStatus();
}

}  // namespace

SystemHandler::SystemHandler(DaemonFacts facts, ResourceStore* store, FleetView fleet,
                             std::function<std::map<std::string, int>()> resource_counts,
                             std::function<absl::StatusOr<Standbys>()> standbys)
    : facts_(std::move(facts)),
      store_(store),
      fleet_(std::move(fleet)),
      resource_counts_(std::move(resource_counts)),
      standbys_(std::move(standbys)) {}

absl::StatusOr<admin::v1::InfoResponse> SystemHandler::Info(const admin::v1::InfoRequest& request,
                                                            const Caller& caller) {
  admin::v1::InfoResponse response;
  response.set_version(facts_.version);
  const StoreInfo store = store_->Info();
  response.set_store(store.driver);
  response.set_store_location(store.location);
  response.set_schema_version(store.schema_version);
  SetTimestamp(facts_.started, response.mutable_started());
  response.set_pid(facts_.pid);
  response.set_xds_address(facts_.xds_address);
  response.set_http_address(facts_.http_address);
  response.set_served_revision(fleet_.served().number);
  for (const NodeStatus& node : fleet_.nodes()) {
    const absl::string_view state = NodeStateName(node.state);
    ++(*response.mutable_nodes())[std::string(state)];
  }
  for (const auto& [type, count] : resource_counts_())
    (*response.mutable_resources())[type] = count;
  absl::Status problem = AddStore(store_, standbys_, &response);
  if (problem.ok() && fleet_.problem != nullptr) problem = fleet_.problem();
  if (!problem.ok()) response.set_store_problem(std::string(problem.message()));
  return response;
}

}  // namespace signalbox
