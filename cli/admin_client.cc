#include "cli/admin_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/error_details.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cli/server_target.h"
#include "server/rpc/contract.h"
#include "server/rpc/status.h"
#include "signalbox/admin/v1/config.grpc.pb.h"
#include "signalbox/admin/v1/nodes.grpc.pb.h"
#include "signalbox/admin/v1/revisions.grpc.pb.h"
#include "signalbox/admin/v1/system.grpc.pb.h"

namespace signalbox::cli {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";
constexpr int kPageSize = 1000;
// A page is far smaller, unless a single resource is not.
constexpr int kMaxResponseBytes = 64 << 20;

absl::Status NotConnected(absl::string_view target, absl::string_view why) {
  return WithReason(absl::UnavailableError(absl::StrCat("cannot connect to ", target, ": ", why)),
                    AdminClient::kNotConnected);
}

// Why a Unix socket cannot be used, in words that gRPC does not have.
absl::Status ProbeSocket(absl::string_view target, const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", target, "\" is not a path that a socket can have"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot make a socket: ", std::strerror(errno)));
  const int failed =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
  close(fd);
  if (failed == 0) return absl::OkStatus();
  if (failed == EACCES || failed == EPERM) {
    return absl::PermissionDeniedError(absl::StrCat("no permission to use the socket ", path));
  }
  return NotConnected(
      target, failed == ECONNREFUSED ? "nobody listens on this socket" : std::strerror(failed));
}

}  // namespace

struct AdminClient::Connection {
  std::string target;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<admin::v1::ConfigService::Stub> config;
  std::unique_ptr<admin::v1::RevisionsService::Stub> revisions;
  std::unique_ptr<admin::v1::NodesService::Stub> nodes;
  std::unique_ptr<admin::v1::SystemService::Stub> system;

  absl::Status Wait(std::chrono::system_clock::time_point deadline) {
    while (true) {
      const grpc_connectivity_state state = channel->GetState(/*try_to_connect=*/true);
      if (state == GRPC_CHANNEL_READY) return absl::OkStatus();
      if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN) {
        return NotConnected(target, "nobody answers there");
      }
      if (!channel->WaitForStateChange(state, deadline))
        return NotConnected(target, "no answer within the timeout");
    }
  }

  enum class WhenDown { kFail, kWait };

  // One request and its answer.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(
      Stub* stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
      const Request& request, absl::Duration timeout, WhenDown when_down) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
    context.set_wait_for_ready(when_down == WhenDown::kWait);
    Response response;
    const grpc::Status status = (stub->*method)(&context, request, &response);
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      return absl::DeadlineExceededError(
          absl::StrCat("no answer from ", target, " within ", absl::FormatDuration(timeout)));
    }
    if (!status.ok()) return FromGrpc(status);
    return response;
  }
};

AdminClient::AdminClient(std::unique_ptr<Connection> connection, absl::Duration timeout)
    : connection_(std::move(connection)), timeout_(timeout) {}

AdminClient::~AdminClient() = default;

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Connect(const std::string& target,
                                                                  absl::Duration timeout) {
  absl::string_view path = target;
  if (absl::ConsumePrefix(&path, kUnixPrefix))
    SB_RETURN_IF_ERROR(ProbeSocket(target, std::string(path)));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // It is also how long an attempt may take: on a busy machine a daemon answers late.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 1000,
                                                        std::numeric_limits<int>::max())));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetMaxReceiveMessageSize(kMaxResponseBytes);
  auto connection = std::make_unique<Connection>();
  connection->target = target;
  connection->channel =
      grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  SB_RETURN_IF_ERROR(
      connection->Wait(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout)));
  connection->config = admin::v1::ConfigService::NewStub(connection->channel);
  connection->revisions = admin::v1::RevisionsService::NewStub(connection->channel);
  connection->nodes = admin::v1::NodesService::NewStub(connection->channel);
  connection->system = admin::v1::SystemService::NewStub(connection->channel);
  return std::unique_ptr<AdminClient>(new AdminClient(std::move(connection), timeout));
}

absl::StatusOr<admin::v1::ApplyResponse> AdminClient::Apply(
    const admin::v1::ApplyRequest& request) {
  if (const size_t bytes = request.ByteSizeLong(); bytes > kMaxAdminRequestBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the request is too large: ", bytes,
                                                   " bytes, the limit is ", kMaxAdminRequestBytes,
                                                   "; apply it in parts"));
  }
  const absl::Time start = absl::Now();
  absl::StatusOr<admin::v1::ApplyResponse> response =
      connection_->Call(connection_->config.get(), &admin::v1::ConfigService::Stub::Apply, request,
                        timeout_, Connection::WhenDown::kFail);
  const absl::Duration rest = timeout_ - (absl::Now() - start);
  if (!absl::IsUnavailable(response.status()) || rest <= absl::ZeroDuration()) return response;
  return connection_->Call(connection_->config.get(), &admin::v1::ConfigService::Stub::Apply,
                           request, rest, Connection::WhenDown::kWait);
}

absl::StatusOr<admin::v1::Resource> AdminClient::Get(const admin::v1::ResourceName& name,
                                                     admin::v1::View view) {
  admin::v1::GetRequest request;
  request.set_view(view);
  *request.mutable_name() = name;
  return connection_->Call(connection_->config.get(), &admin::v1::ConfigService::Stub::Get, request,
                           timeout_, Connection::WhenDown::kFail);
}

absl::StatusOr<std::vector<admin::v1::Resource>> AdminClient::List(
    const std::string& namespace_name, const std::string& kind, const std::string& filter,
    admin::v1::View view) {
  std::vector<admin::v1::Resource> resources;
  admin::v1::ListRequest request;
  request.set_namespace_(namespace_name);
  request.set_kind(kind);
  request.set_filter(filter);
  request.set_view(view);
  request.set_page_size(kPageSize);
  do {
    SB_ASSIGN_OR_RETURN(
        admin::v1::ListResponse page,
        connection_->Call(connection_->config.get(), &admin::v1::ConfigService::Stub::List, request,
                          timeout_, Connection::WhenDown::kFail));
    std::move(page.mutable_resources()->begin(), page.mutable_resources()->end(),
              std::back_inserter(resources));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return resources;
}

absl::StatusOr<std::vector<admin::v1::RevisionEntry>> AdminClient::ListRevisions(
    const std::optional<admin::v1::ResourceName>& resource, int most) {
  std::vector<admin::v1::RevisionEntry> revisions;
  admin::v1::ListRevisionsRequest request;
  if (resource.has_value()) *request.mutable_resource() = *resource;
  do {
    request.set_page_size(std::min(kPageSize, most - static_cast<int>(revisions.size())));
    SB_ASSIGN_OR_RETURN(
        admin::v1::ListRevisionsResponse page,
        connection_->Call(connection_->revisions.get(), &admin::v1::RevisionsService::Stub::List,
                          request, timeout_, Connection::WhenDown::kFail));
    std::move(page.mutable_revisions()->begin(), page.mutable_revisions()->end(),
              std::back_inserter(revisions));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && static_cast<int>(revisions.size()) < most);
  return revisions;
}

absl::StatusOr<AdminClient::Nodes> AdminClient::ListNodes(const std::string& id) {
  Nodes nodes;
  admin::v1::ListNodesRequest request;
  request.set_id(id);
  request.set_page_size(kPageSize);
  do {
    SB_ASSIGN_OR_RETURN(
        admin::v1::ListNodesResponse page,
        connection_->Call(connection_->nodes.get(), &admin::v1::NodesService::Stub::List, request,
                          timeout_, Connection::WhenDown::kFail));
    std::move(page.mutable_nodes()->begin(), page.mutable_nodes()->end(),
              std::back_inserter(nodes.nodes));
    nodes.revision = page.revision();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return nodes;
}

absl::StatusOr<admin::v1::InfoResponse> AdminClient::Info() {
  return connection_->Call(connection_->system.get(), &admin::v1::SystemService::Stub::Info,
                           admin::v1::InfoRequest(), timeout_, Connection::WhenDown::kFail);
}

absl::StatusOr<std::unique_ptr<AdminClient>> Connect(const Context& context) {
  SB_ASSIGN_OR_RETURN(const std::string target, ServerTarget(context));
  return AdminClient::Connect(target, context.timeout);
}

Failure AdminFailure(const absl::Status& status) {
  Failure failure(status);
  const std::string reason = ReasonOf(status);
  if (reason == AdminClient::kNotConnected) {
    failure.hint = "is the daemon running? start it with: signalbox serve";
  } else if (absl::IsPermissionDenied(status)) {
    failure.hint =
        "the socket is for its owner and its group: use the same user, or join the group";
  } else if (reason == kStoreRestoredReason) {
    failure.hint = "what you have was read before the restore; read it again: signalbox get";
  } else if (absl::IsNotFound(status)) {
    failure.hint = "what is there: signalbox get KIND";
  } else if (absl::IsResourceExhausted(status)) {
    failure.hint = "make room, then retry";
  } else if (absl::IsUnavailable(status) || absl::IsAborted(status)) {
    failure.hint = "retry";
  } else if (absl::IsDeadlineExceeded(status)) {
    failure.hint = "retry, or wait longer with --timeout";
  }
  return failure;
}

std::string NewRequestId() {
  SystemRandom random;
  return absl::StrFormat("%016x%016x", random.Next(), random.Next());
}

}  // namespace signalbox::cli
