#include "server/admin/grpc_service.h"

#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "grpcpp/resource_quota.h"
#include "server/admin/limits.h"
#include "server/rpc/contract.h"
#include "server/rpc/status.h"
#include "signalbox/admin/v1/config.grpc.pb.h"
#include "signalbox/admin/v1/nodes.grpc.pb.h"
#include "signalbox/admin/v1/revisions.grpc.pb.h"
#include "signalbox/admin/v1/system.grpc.pb.h"

namespace signalbox {
namespace {

bool IsGone(const grpc::ServerContext& context) {
  return context.IsCancelled() || context.deadline() <= std::chrono::system_clock::now();
}

template <typename Handler, typename Request, typename Response>
grpc::Status Handle(const AdminServices::CallerOf& caller_of, grpc::ServerContext* context,
                    Handler* handler,
                    absl::StatusOr<Response> (Handler::*method)(const Request&, const Caller&),
                    const Request& request, Response* response) {
  Caller caller = caller_of(*context);
  caller.gone = [context] { return IsGone(*context); };
  if (caller.gone())
    return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED,
                        "the deadline passed; nothing was done");
  absl::StatusOr<Response> result = (handler->*method)(request, caller);
  if (!result.ok()) return ToGrpc(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

class ConfigGrpcService : public admin::v1::ConfigService::Service {
 public:
  ConfigGrpcService(ConfigHandler* handler, const AdminServices::CallerOf* caller_of)
      : handler_(handler), caller_of_(*caller_of) {}

  grpc::Status Apply(grpc::ServerContext* context, const admin::v1::ApplyRequest* request,
                     admin::v1::ApplyResponse* response) override {
    return Handle(caller_of_, context, handler_, &ConfigHandler::Apply, *request, response);
  }
  grpc::Status Get(grpc::ServerContext* context, const admin::v1::GetRequest* request,
                   admin::v1::Resource* response) override {
    return Handle(caller_of_, context, handler_, &ConfigHandler::Get, *request, response);
  }
  grpc::Status List(grpc::ServerContext* context, const admin::v1::ListRequest* request,
                    admin::v1::ListResponse* response) override {
    return Handle(caller_of_, context, handler_, &ConfigHandler::List, *request, response);
  }

 private:
  ConfigHandler* const handler_;
  const AdminServices::CallerOf& caller_of_;
};

class NodesGrpcService : public admin::v1::NodesService::Service {
 public:
  NodesGrpcService(NodesHandler* handler, const AdminServices::CallerOf* caller_of)
      : handler_(handler), caller_of_(*caller_of) {}

  grpc::Status List(grpc::ServerContext* context, const admin::v1::ListNodesRequest* request,
                    admin::v1::ListNodesResponse* response) override {
    return Handle(caller_of_, context, handler_, &NodesHandler::List, *request, response);
  }

 private:
  NodesHandler* const handler_;
  const AdminServices::CallerOf& caller_of_;
};

class RevisionsGrpcService : public admin::v1::RevisionsService::Service {
 public:
  RevisionsGrpcService(RevisionsHandler* handler, const AdminServices::CallerOf* caller_of)
      : handler_(handler), caller_of_(*caller_of) {}

  grpc::Status List(grpc::ServerContext* context, const admin::v1::ListRevisionsRequest* request,
                    admin::v1::ListRevisionsResponse* response) override {
    return Handle(caller_of_, context, handler_, &RevisionsHandler::List, *request, response);
  }

 private:
  RevisionsHandler* const handler_;
  const AdminServices::CallerOf& caller_of_;
};

class SystemGrpcService : public admin::v1::SystemService::Service {
 public:
  SystemGrpcService(SystemHandler* handler, const AdminServices::CallerOf* caller_of)
      : handler_(handler), caller_of_(*caller_of) {}

  grpc::Status Info(grpc::ServerContext* context, const admin::v1::InfoRequest* request,
                    admin::v1::InfoResponse* response) override {
    return Handle(caller_of_, context, handler_, &SystemHandler::Info, *request, response);
  }

 private:
  SystemHandler* const handler_;
  const AdminServices::CallerOf& caller_of_;
};

}  // namespace

AdminServices::AdminServices(ConfigHandler* config, RevisionsHandler* revisions,
                             NodesHandler* nodes, SystemHandler* system, CallerOf caller_of)
    : caller_of_(std::move(caller_of)) {
  services_.push_back(std::make_unique<ConfigGrpcService>(config, &caller_of_));
  services_.push_back(std::make_unique<RevisionsGrpcService>(revisions, &caller_of_));
  services_.push_back(std::make_unique<NodesGrpcService>(nodes, &caller_of_));
  services_.push_back(std::make_unique<SystemGrpcService>(system, &caller_of_));
}

AdminServices::~AdminServices() = default;

void AdminServices::AddTo(grpc::ServerBuilder* builder) {
  grpc::ResourceQuota quota("admin");
  quota.SetMaxThreads(limits::kMaxAdminThreads);
  builder->SetResourceQuota(quota);
  builder->SetMaxReceiveMessageSize(static_cast<int>(kMaxAdminRequestBytes));
  // Threads come and go with the load; what gRPC calls pollers are those that wait for a call.
  builder->SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  for (const auto& service : services_) builder->RegisterService(service.get());
}

}  // namespace signalbox
