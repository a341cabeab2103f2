// The engine itself, on a wire and a clock of the test's.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/xds/sequence_server.h"

namespace signalbox::testing {
namespace {

class FakeSequenceServer : public SequenceServer {
 public:
  FakeSequenceServer(Variant variant, XdsBodies* bodies)
      : variant_(variant), bodies_(bodies), server_(std::make_unique<Server>(bodies_, &clock_)) {}

  void Publish(const std::vector<Server::Edit>& edits) override { server_->Publish(edits); }

  void Connect() override {
    wire_ = std::make_unique<RecordingWire>();
    stream_ = server_->Open(variant_, wire_.get());
  }

  void Disconnect() override {
    stream_->OnClosed();
    stream_.reset();
  }

  void Restart(Memory memory) override {
    clock_.Advance(absl::Seconds(1));
    auto next = std::make_unique<Server>(bodies_, &clock_);
    next->PublishAs(*server_);
    if (memory == Memory::kWritten) next->LearnFrom(*server_);
    server_ = std::move(next);
  }

  void Retry(const std::string& node_id) override { server_->memories().Retry(node_id); }

  void Send(const std::string& bytes) override { stream_->OnMessage(bytes); }

  const RecordingWire::Written* Next() override {
    return wire_->in_flight.has_value() ? &*wire_->in_flight : nullptr;
  }
  void Take() override { wire_->in_flight.reset(); }
  void Done() override { stream_->OnWriteDone(true); }

  std::optional<absl::Status> Finished() override { return wire_->finished; }

  void Advance(absl::Duration time, const std::function<void()>& look) override {
    const absl::Time until = clock_.Now() + time;
    while (server_->timers().NextDue() <= until) {
      clock_.Advance(std::max(absl::ZeroDuration(), server_->timers().NextDue() - clock_.Now()));
      server_->timers().Fire(clock_.Now());
      look();
    }
    clock_.Advance(until - clock_.Now());
  }

  void SetGrace(absl::Duration removal, absl::Duration opaque, absl::Duration drain) override {
    SessionContext& context = server_->session_context();
    context.removal_grace = removal;
    context.removal_grace_opaque = opaque;
    context.listener_drain = drain;
  }

  void WithholdSecrets() override { server_->WithholdSecrets(); }

  std::string State(absl::string_view type, absl::string_view) override {
    const NodeStatus status = stream_->Status();
    if (type.empty()) return std::string(NodeStateName(status.state));
    for (const NodeTypeStatus& one : status.types) {
      if (one.type == type) return std::string(NodeStateName(one.state));
    }
    return "";
  }

  std::optional<std::vector<SessionEvent>> TakeEvents() override {
    return std::exchange(server_->observer().events, {});
  }
  std::vector<std::string> TakeViolations() override {
    return std::exchange(wire_->violations, {});
  }

 private:
  const Variant variant_;
  XdsBodies* const bodies_;
  FakeClock clock_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<RecordingWire> wire_;
  std::shared_ptr<Stream> stream_;
};

}  // namespace

bool PlayedHere(absl::string_view, Variant, absl::string_view) { return true; }

std::unique_ptr<SequenceServer> MakeSequenceServer(Variant variant, XdsBodies* bodies) {
  return std::make_unique<FakeSequenceServer>(variant, bodies);
}

}  // namespace signalbox::testing
