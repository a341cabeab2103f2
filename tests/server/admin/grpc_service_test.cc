#include "server/admin/grpc_service.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "server/rpc/contract.h"
#include "server/rpc/status.h"
#include "signalbox/admin/v1/config.grpc.pb.h"
#include "signalbox/admin/v1/nodes.grpc.pb.h"
#include "signalbox/admin/v1/system.grpc.pb.h"
#include "tests/server/admin/admin_fixture.h"

namespace signalbox {
namespace {

using testing::AdminFixture;

// The whole admin API in this process, over gRPC.
struct ServedFixture : AdminFixture {
  ServedFixture() {
    services.AddTo(&builder);
    server = builder.BuildAndStart();
    channel = server->InProcessChannel({});
  }
  ~ServedFixture() { server->Shutdown(std::chrono::system_clock::now()); }

  FleetView fleet{.nodes = [] { return std::vector<NodeStatus>{{.id = "n"}}; },
                  .served = [] { return Revision{3}; }};
  NodesHandler nodes{fleet};
  SystemHandler system{
      {.version = "1"}, store.get(), fleet, [] { return std::map<std::string, int>(); }, nullptr};
  AdminServices services{config.get(), revisions.get(), &nodes, &system,
                         [](const grpc::ServerContext&) { return Caller{.author = "bob"}; }};
  grpc::ServerBuilder builder;
  std::unique_ptr<grpc::Server> server;
  std::shared_ptr<grpc::Channel> channel;
};

TEST_CASE("every method of the admin API reaches its handler", "[admin]") {
  ServedFixture fixture;
  auto config = admin::v1::ConfigService::NewStub(fixture.channel);
  {
    grpc::ClientContext context;
    admin::v1::ApplyResponse response;
    REQUIRE(config->Apply(&context, fixture.ApplyOf("cluster", "a", "{}"), &response).ok());
    CHECK(response.revision() == 1);
    CHECK(fixture.store->GetRevision(Revision{1})->author == "bob");
  }
  {
    grpc::ClientContext context;
    admin::v1::GetRequest request;
    request.mutable_name()->set_kind("cluster");
    request.mutable_name()->set_name("a");
    admin::v1::Resource response;
    REQUIRE(config->Get(&context, request, &response).ok());
    CHECK(response.revision() == 1);
  }
  {
    grpc::ClientContext context;
    admin::v1::ListResponse response;
    REQUIRE(config->List(&context, {}, &response).ok());
    CHECK(response.resources_size() == 1);
  }
  {
    grpc::ClientContext context;
    admin::v1::ListNodesResponse response;
    REQUIRE(admin::v1::NodesService::NewStub(fixture.channel)->List(&context, {}, &response).ok());
    CHECK(response.nodes(0).id() == "n");
  }
  {
    grpc::ClientContext context;
    admin::v1::InfoResponse response;
    REQUIRE(admin::v1::SystemService::NewStub(fixture.channel)->Info(&context, {}, &response).ok());
    CHECK(response.served_revision() == 3);
  }
}

TEST_CASE("an error carries its field violations to a client with gRPC's usual limits", "[admin]") {
  ServedFixture fixture;
  admin::v1::ApplyRequest request;
  for (int i = 0; i < 200; ++i) fixture.Add("clutser", absl::StrCat("a", i), "{}", &request);
  grpc::ClientContext context;
  admin::v1::ApplyResponse response;
  const absl::Status status = FromGrpc(
      admin::v1::ConfigService::NewStub(fixture.channel)->Apply(&context, request, &response));
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  const std::vector<FieldViolation> violations = ViolationsOf(status);
  REQUIRE(violations.size() > 10);
  CHECK(violations[0].field == "resources[0].kind");
}

TEST_CASE("a call whose deadline has passed is not begun", "[admin]") {
  ServedFixture fixture;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() - std::chrono::seconds(1));
  admin::v1::ApplyResponse response;
  const grpc::Status status =
      admin::v1::ConfigService::NewStub(fixture.channel)
          ->Apply(&context, fixture.ApplyOf("cluster", "a", "{}"), &response);
  CHECK(status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  CHECK(fixture.store->ReadHead()->revision == Revision{0});
}

TEST_CASE("a request over the limit is refused and nothing is written", "[admin]") {
  ServedFixture fixture;
  admin::v1::ApplyRequest request = fixture.ApplyOf("cluster", "a", "{}");
  request.set_message(std::string(kMaxAdminRequestBytes, 'm'));
  grpc::ClientContext context;
  admin::v1::ApplyResponse response;
  const grpc::Status status =
      admin::v1::ConfigService::NewStub(fixture.channel)->Apply(&context, request, &response);
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(fixture.store->ReadHead()->revision == Revision{0});
}

}  // namespace
}  // namespace signalbox
