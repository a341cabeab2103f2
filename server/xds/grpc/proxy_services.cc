#include "server/xds/grpc/proxy_services.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "base/mutex.h"
#include "server/rpc/status.h"
#include "server/xds/delta_session.h"
#include "server/xds/services.h"
#include "server/xds/sotw_session.h"
#include "server/xds/wire.h"

namespace signalbox {
namespace {

// A slice of gRPC's that keeps `slice.owner` alive; the bytes are not copied.
grpc::Slice SharedSlice(const Slice& slice) {
  using Owner = std::shared_ptr<const void>;
  return grpc::Slice(
      const_cast<char*>(slice.bytes.data()), slice.bytes.size(),
      [](void* owner) { delete static_cast<Owner*>(owner); }, new Owner(slice.owner));
}

grpc::ByteBuffer ToByteBuffer(const Response& response) {
  std::vector<grpc::Slice> slices;
  slices.reserve(response.resources.size() + 1);
  slices.emplace_back(response.head);
  for (const Slice& slice : response.resources) {
    if (!slice.bytes.empty()) slices.push_back(SharedSlice(slice));
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

// Whether nobody else can read what is written: TLS, or a connection within this machine.
bool IsConfidential(const grpc::GenericCallbackServerContext& context) {
  const std::string peer = context.peer();
  for (const absl::string_view local : {"ipv4:127.", "ipv6:[::1]:", "ipv6:%5B::1%5D:", "unix:"}) {
    if (absl::StartsWith(peer, local)) return true;
  }
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  const std::vector<grpc::string_ref> security =
      auth->FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  return !security.empty() && security.front() == "ssl";
}

// A call of another method: ends at once.
class UnknownMethod : public grpc::ServerGenericBidiReactor {
 public:
  explicit UnknownMethod(const std::string& method) {
    Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, WhyNotServed(method)));
  }
  void OnDone() override { delete this; }
};

// One call: reads for its stream, a Stream or a LoadStream, and is its wire. Deletes itself when
// gRPC is done with it.
template <typename StreamOfIt>
class Call : public grpc::ServerGenericBidiReactor, public Wire {
 public:
  // `arguments` are the stream's but for the wire, its last one.
  template <typename... Arguments>
  explicit Call(Arguments&&... arguments)
      : stream_(std::make_shared<StreamOfIt>(std::forward<Arguments>(arguments)..., this)) {
    stream_->Open();
    MutexLock lock(&mu_);
    if (!finished_) StartRead(&read_);
  }

  void Write(Response response) override {
    MutexLock lock(&mu_);
    if (finished_) return;
    write_ = ToByteBuffer(response);
    StartWrite(&write_);
  }

  void Finish(const absl::Status& status) override {
    MutexLock lock(&mu_);
    if (finished_) return;
    finished_ = true;
    grpc::ServerGenericBidiReactor::Finish(ToGrpc(status));
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      stream_->OnReadsDone();
      return;
    }
    grpc::Slice slice;
    // A message in several slices is put together first; one slice is taken as it is.
    if (!read_.TrySingleSlice(&slice).ok() && !read_.DumpToSingleSlice(&slice).ok()) {
      stream_->Close(absl::InternalError("the message cannot be read"));
      return;
    }
    stream_->OnMessage({reinterpret_cast<const char*>(slice.begin()), slice.size()});
    read_.Clear();
    MutexLock lock(&mu_);
    if (!finished_) StartRead(&read_);
  }

  void OnWriteDone(bool ok) override { stream_->OnWriteDone(ok); }

  void OnDone() override {
    stream_->OnClosed();
    delete this;
  }

 private:
  const std::shared_ptr<StreamOfIt> stream_;
  grpc::ByteBuffer read_;   // of the read that is under way
  grpc::ByteBuffer write_;  // of the write that is under way

  Mutex mu_;
  bool finished_ SB_GUARDED_BY(mu_) = false;
};

}  // namespace

class ProxyServices::Service : public grpc::CallbackGenericService {
 public:
  Service(const StreamContext* streams, const SessionContext* sessions, const LoadContext* loads,
          Random* random)
      : streams_(streams), sessions_(sessions), loads_(loads), random_(random) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    if (context->method() == kLoadStatsMethod) return new Call<LoadStream>(loads_);
    const std::optional<DiscoveryMethod> found = FindDiscoveryMethod(context->method());
    if (!found.has_value()) return new UnknownMethod(context->method());
    // Random, so that a nonce of one stream means nothing on another, on any instance.
    const std::string stream_id = absl::StrFormat("%016x", random_->Next());
    std::unique_ptr<Session> session;
    if (found->variant == Variant::kDelta) {
      session = std::make_unique<DeltaSession>(sessions_, stream_id);
    } else {
      session = std::make_unique<SotwSession>(sessions_, stream_id);
    }
    session->ServeOnly(found->type_url);
    if (!IsConfidential(*context)) session->WithholdSecrets();
    return new Call<Stream>(streams_, std::move(session));
  }

 private:
  const StreamContext* const streams_;
  const SessionContext* const sessions_;
  const LoadContext* const loads_;
  Random* const random_;
};

ProxyServices::ProxyServices(const StreamContext* streams, const SessionContext* sessions,
                             const LoadContext* loads, Random* random)
    : service_(std::make_unique<Service>(streams, sessions, loads, random)) {}

ProxyServices::~ProxyServices() = default;

grpc::CallbackGenericService* ProxyServices::service() { return service_.get(); }

}  // namespace signalbox
