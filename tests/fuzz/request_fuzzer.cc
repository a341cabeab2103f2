// What a client may send on a stream of either variant, or of load reports, in any order with what
// happens beside it: the input says which stream it is, and what the steps are (Step). Whatever
// comes, nothing crashes, and each response is one that a client may be given.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "server/xds/load_reports.h"
#include "server/xds/load_stream.h"
#include "server/xds/services.h"
#include "server/xds/stream.h"
#include "tests/server/xds/fixture.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox::testing {
namespace {

constexpr const char* kNames[] = {"a", "b", "c", "*", "", "missing"};
constexpr const char* kTypes[] = {"cluster", "endpoints", "listener", "route"};
constexpr size_t kMaxSteps = 200;

XdsBodies& Bodies() {
  static auto* const bodies = new XdsBodies();
  return *bodies;
}

enum class Step : uint8_t {
  kBytes,      // a message of any bytes
  kAsk,        // a request that is well formed
  kAnswer,     // a yes or a no to a response, an old one maybe
  kWritten,    // what is under way has left
  kPublish,    // something else is published
  kAdvance,    // time passes
  kReconnect,  // a new stream of the same node
  kMaxValue = kReconnect,
};

// One client of one daemon.
class Client {
 public:
  explicit Client(FuzzedDataProvider* data) : data_(data), server_(&Bodies(), &clock_) {
    const uint8_t kind = data_->ConsumeIntegral<uint8_t>();
    variant_ = kind % 2 == 0 ? Variant::kSotw : Variant::kDelta;
    const auto services = DiscoveryServices();
    const DiscoveryService& service = services[kind / 2 % services.size()];
    if (!service.message_name.empty())
      only_ = absl::StrCat("type.googleapis.com/", service.message_name);
    Publish();
    Connect();
  }

  ~Client() { stream_->OnClosed(); }

  void Run() {
    for (size_t i = 0; i < kMaxSteps && data_->remaining_bytes() > 0; ++i) Do();
    while (Written()) {
    }
  }

 private:
  void Connect() {
    wire_ = std::make_unique<RecordingWire>();
    auto session = server_.MakeSession(variant_);
    session->ServeOnly(only_);
    stream_ = std::make_shared<Stream>(&server_.stream_context(), std::move(session), wire_.get());
    stream_->Open();
    named_ = false;
    answers_.clear();
  }

  void Do() {
    switch (data_->ConsumeEnum<Step>()) {
      case Step::kBytes:
        stream_->OnMessage(data_->ConsumeRandomLengthString(400));
        break;
      case Step::kAsk:
        Ask();
        break;
      case Step::kAnswer:
        Answer();
        break;
      case Step::kWritten:
        Written();
        break;
      case Step::kPublish:
        Publish();
        break;
      case Step::kAdvance:
        clock_.Advance(absl::Milliseconds(100) * data_->ConsumeIntegral<uint8_t>());
        server_.timers().Fire(clock_.Monotonic());
        break;
      case Step::kReconnect:
        stream_->OnClosed();
        Connect();
        break;
    }
    SB_CHECK(wire_->violations.empty());
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const uint8_t chosen = data_->ConsumeIntegral<uint8_t>();
    for (size_t i = 0; i < std::size(kNames); ++i) {
      if ((chosen >> i & 1) != 0) names.push_back(kNames[i]);
    }
    return names;
  }

  std::string Url() {
    return Bodies().registry().FindByShortName(data_->PickValueInArray(kTypes))->type_url();
  }

  void Send(const SotwRequest& sotw, const DeltaRequest& delta) {
    const TestNode node;
    const TestNode* const from = named_ ? nullptr : &node;
    named_ = true;
    stream_->OnMessage(variant_ == Variant::kSotw ? Encode(sotw, from) : Encode(delta, from));
  }

  void Ask() {
    const std::string url = only_.empty() || data_->ConsumeBool() ? Url() : "";
    const std::vector<std::string> names = Names(), dropped = Names();
    std::map<std::string, std::string> initial;
    for (const std::string& name : Names())
      initial[name] = data_->ConsumeBool() ? "old" : Bodies().VersionOfTag(url, name, "1");
    Send({url, names, "", data_->ConsumeBool() ? "before" : "", {}},
         {url, names, dropped, initial, "", {}});
  }

  void Answer() {
    if (answers_.empty()) return;
    const auto& [url, nonce, version] =
        answers_[data_->ConsumeIntegralInRange<size_t>(0, answers_.size() - 1)];
    std::optional<std::string> error;
    if (data_->ConsumeBool()) error = data_->ConsumeBool() ? "a: is bad" : "is bad";
    const std::vector<std::string> names = Names();
    Send({url, names, nonce, version, error}, {url, {}, {}, {}, nonce, error});
  }

  bool Written() {
    if (!wire_->in_flight.has_value()) return false;
    std::vector<std::string> violations;
    const Message message = ReadResponse(variant_, *wire_->in_flight, Bodies(), &violations);
    SB_CHECK(violations.empty());
    SB_CHECK(only_.empty() || message.type->type_url() == only_);
    answers_.push_back({message.type->type_url(), message.nonce, message.version});
    wire_->in_flight.reset();
    stream_->OnWriteDone(true);
    return true;
  }

  void Publish() {
    const char* const tag = data_->ConsumeBool() ? "1" : "2";
    const uint8_t chosen = data_->ConsumeIntegral<uint8_t>();
    std::vector<Server::Edit> edits;
    for (size_t i = 0; i < 3; ++i) {
      const std::string name = kNames[i];
      const bool remove = (chosen >> i & 1) != 0;
      edits.push_back({{"cluster", name, tag, {}}, remove});
      edits.push_back({{"endpoints", name, tag, {}}, (chosen >> (i + 3) & 1) != 0});
      edits.push_back({{"route", name, tag, {name}}, remove});
      edits.push_back({{"listener", name, tag, {"route/" + name}}, (chosen >> 6 & 1) != 0});
    }
    server_.Publish(edits);
  }

  struct Given {
    std::string url, nonce, version;
  };

  FuzzedDataProvider* const data_;
  FakeClock clock_;
  Server server_;
  Variant variant_ = Variant::kSotw;
  std::string only_;
  std::unique_ptr<RecordingWire> wire_;
  std::shared_ptr<Stream> stream_;
  bool named_ = false;
  std::vector<Given> answers_;
};

void ReportLoads(FuzzedDataProvider* data) {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({{{"cluster", "a", "1", {}}, false}});
  LoadReports reports;
  const LoadContext context = {&Bodies().registry(), &server.cache(), &reports, &server.timers(),
                               &server.observer(),   &clock,          nullptr};
  RecordingWire wire;
  const auto stream = std::make_shared<LoadStream>(&context, &wire);
  stream->Open();
  while (data->remaining_bytes() > 0) {
    stream->OnMessage(data->ConsumeRandomLengthString(1000));
    clock.Advance(absl::Seconds(1));
    wire.in_flight.reset();
    stream->OnWriteDone(true);
  }
  for (const LoadReports::Row& row : reports.Rows()) SB_CHECK(row.load.in_progress >= 0);
  stream->OnClosed();
  SB_CHECK(wire.violations.empty());
}

}  // namespace
}  // namespace signalbox::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  if (data.ConsumeIntegralInRange<uint8_t>(0, 15) == 0) {
    signalbox::testing::ReportLoads(&data);
  } else {
    signalbox::testing::Client(&data).Run();
  }
  return 0;
}
