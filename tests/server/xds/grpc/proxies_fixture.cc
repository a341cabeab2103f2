#include "tests/server/xds/grpc/proxies_fixture.h"

#include <chrono>
#include <utility>

#include "base/check.h"
#include "storage/model/resource.h"

namespace signalbox::testing {

Proxies::Proxies(XdsBodies* bodies, const StreamQuota::Bounds& bounds)
    : bodies_(bodies), quota_(bounds) {
  session_context_.registry = &bodies_->registry();
  session_context_.diffs = &diffs_;
  session_context_.sets = &sets_;
  session_context_.names = &names_;
  session_context_.server_id = "test-server";
  stream_context_.snapshots = &cache_;
  stream_context_.fleet = &fleet_;
  stream_context_.memories = &memories_;
  stream_context_.timers = &timers_;
  stream_context_.observer = &observer_;
  stream_context_.clock = &clock_;
  stream_context_.quota = &quota_;
  load_context_ = {&bodies_->registry(), &cache_, &loads_, &timers_, &observer_, &clock_, &quota_};
  services_ = std::make_unique<ProxyServices>(&stream_context_, &session_context_, &load_context_,
                                              &random_);
}

Proxies::~Proxies() = default;

void Proxies::Publish(const std::vector<XdsBodies::Spec>& specs) {
  auto next = std::make_shared<Snapshot>();
  next->group = {std::string(kDefaultNamespace), std::string(kDefaultGroup)};
  next->revision = Revision{++revision_};
  for (const ResourceType* type : registry().in_push_order()) {
    std::vector<FragmentPtr> fragments;
    for (const XdsBodies::Spec& spec : specs) {
      if (spec.type == type->short_name()) fragments.push_back(bodies_->Make(spec));
    }
    next->types.push_back(TypeSet::Of(std::move(fragments)));
  }
  cache_.Publish(next);
}

XdsServer& Proxies::plaintext() {
  if (plaintext_ == nullptr) {
    absl::StatusOr<std::unique_ptr<XdsServer>> started =
        XdsServer::Start("127.0.0.1:0", services_.get(), nullptr);
    SB_CHECK(started.ok());
    plaintext_ = *std::move(started);
  }
  return *plaintext_;
}

RawStream::RawStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method)
    : stub_(channel) {
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  call_ = stub_.PrepareCall(&context_, method, &queue_);
  call_->StartCall(nullptr);
  Wait();
}

RawStream::~RawStream() {
  if (finished_) return;
  context_.TryCancel();
  while (Receive().has_value()) {
  }
  Finish();
}

bool RawStream::Wait() {
  void* tag = nullptr;
  bool ok = false;
  SB_CHECK(queue_.Next(&tag, &ok));
  return ok;
}

bool RawStream::Send(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  call_->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  return Wait();
}

std::optional<std::string> RawStream::Receive() {
  grpc::ByteBuffer buffer;
  call_->Read(&buffer, nullptr);
  if (!Wait()) return std::nullopt;
  std::vector<grpc::Slice> slices;
  SB_CHECK(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

void RawStream::WritesDone() {
  call_->WritesDone(nullptr);
  Wait();
}

grpc::Status RawStream::Finish() {
  grpc::Status status;
  call_->Finish(&status, nullptr);
  Wait();
  finished_ = true;
  return status;
}

std::shared_ptr<grpc::Channel> PlaintextChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  // Each channel has a connection of its own.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace signalbox::testing
