// A daemon, for the sequences of tests/server/xds: changes go through its admin API, the client's
// stream is gRPC's.
//   sequences -o REPORT [--list-tests...]     Catch2's own flags; the environment says where:
//       SIGNALBOX_TEST_ADMIN  the admin socket
//       SIGNALBOX_TEST_XDS    host and port for proxies
//       SIGNALBOX_TEST_WAITS  set: only the sequences in which time passes; else only the others
// On stdout a line for each sequence and variant, "play FILE VARIANT" or "skip FILE VARIANT: WHY",
// and "restart" or "restart forgetful" where whoever runs this must restart the daemon, the latter
// on an empty store, and say so by a line on stdin.
//
// That everything sent has been dealt with is known by a fence: one more type is asked for, whose
// answer is the last of what may be sent (routes), or the first after what came in (runtime), where
// the sequence itself has routes.
#include <google/protobuf/util/json_util.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "signalbox/admin/v1/config.grpc.pb.h"
#include "signalbox/admin/v1/nodes.grpc.pb.h"
#include "tests/integration/byte_buffers.h"
#include "tests/server/xds/sequence_server.h"

namespace signalbox::testing {
namespace {

using admin::v1::ApplyRequest;
using admin::v1::ApplyResponse;
using admin::v1::ConfigService;
using admin::v1::ListNodesRequest;
using admin::v1::ListNodesResponse;
using admin::v1::NodesService;

constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr absl::Duration kQuiet = absl::Milliseconds(30);
constexpr absl::Duration kPoll = absl::Milliseconds(2);
constexpr absl::Duration kLongestWait = absl::Seconds(10);
constexpr int kLargestKib = 4096;
constexpr absl::string_view kFenceName = "signalbox.fence";

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void Say(const std::string& line) { std::cout << line << std::endl; }

// The sequence that is being played: its number, and whether it has routes itself.
struct Playing {
  int number = 0;
  bool has_routes = false;
};
Playing& Now() {
  static Playing playing;
  return playing;
}

// What is removed goes at once in them, and the daemon's shortest grace is not zero.
constexpr absl::string_view kNeedNoGrace[] = {
    "d10_reconnect.seq",
    "o02_another_change_does_not_hold.seq",
    "s06e_removals_of_a_refused_response.seq",
    "w02_removal_in_an_overtaken_refusal.seq",
    "w02_removed_beside_the_cause.seq",
    "w08_applied_and_unsaid.seq",
    "w08_applied_over_reconnects.seq",
};

// Why a sequence cannot be played against a daemon, or "".
std::string WhyNot(absl::string_view file, Variant variant, absl::string_view script) {
  if (std::count(std::begin(kNeedNoGrace), std::end(kNeedNoGrace), file) > 0)
    return "it needs a grace of zero";
  if (variant == Variant::kDelta && absl::StrContains(script, "secret/"))
    return "the version of a secret depends on the daemon's key";
  bool waits = false, published = false;
  for (absl::string_view line : absl::StrSplit(script, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    for (size_t i = 0; i < words.size(); ++i) {
      if (words[i][0] == '#') break;
      published |= absl::StartsWith(words[i], "publish");
      const size_t padded = words[i].find('@');
      if (padded != std::string::npos && std::atoi(words[i].c_str() + padded + 1) > kLargestKib)
        return "the daemon takes no resource that is so large";
      if (words[i] == "retry") return "nobody can ask a daemon for it";
      if (words[i] == "grace") return "it sets what the daemon has as flags";
      if (words[i] == "withhold") return "others cannot read a stream on loopback";
      if (words[i] == "stall")
        return "what is small leaves the daemon although the client does not read";
      if (words[i] == "fails" && !published && absl::StrContains(line, "UNAVAILABLE"))
        return "a daemon does not listen before it has loaded its configuration";
      if (words[i] != "advance" || i + 1 == words.size()) continue;
      waits = true;
      absl::Duration time;
      SB_CHECK(absl::ParseDuration(words[i + 1], &time));
      if (time > kLongestWait) return "it would take too long";
      if (time % absl::Milliseconds(500) != absl::ZeroDuration())
        return "its moments are exact to the millisecond";
    }
  }
  const bool wanted = !Environment("SIGNALBOX_TEST_WAITS").empty();
  if (waits != wanted) return waits ? "time passes in it" : "no time passes in it";
  return "";
}

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// The daemon's admin API. Refusals end the test: sequences have nothing that may be refused.
class Admin {
 public:
  using Key = std::pair<std::string, std::string>;  // type and name

  Admin() { Connect(); }

  // The daemon is another one now.
  void Disconnect() {
    config_.reset();
    nodes_.reset();
  }

  void Connect() {
    const auto channel = grpc::CreateChannel("unix:" + Environment("SIGNALBOX_TEST_ADMIN"),
                                             grpc::InsecureChannelCredentials());
    config_ = ConfigService::NewStub(channel);
    nodes_ = NodesService::NewStub(channel);
  }

  // One revision, after which the daemon has published it.
  void Apply(const std::vector<Server::Edit>& edits) {
    ApplyRequest request;
    for (const Server::Edit& edit : edits) {
      const Key key = {edit.spec.type, edit.spec.name};
      if (edit.remove) {
        // What is not there cannot be removed, and was not there for the client either.
        if (present_.erase(key) == 0) continue;
        auto* removal = request.add_removals();
        removal->set_kind(edit.spec.type);
        removal->set_name(edit.spec.name);
        continue;
      }
      present_[key] = edit;
      auto* resource = request.add_resources();
      resource->set_kind(edit.spec.type);
      resource->set_name(edit.spec.name);
      const auto read = google::protobuf::util::JsonStringToMessage(XdsBodies::Json(edit.spec),
                                                                    resource->mutable_spec());
      SB_CHECK(read.ok());
      for (absl::string_view word : edit.spec.refers_to) {
        if (word == "on-demand") (*resource->mutable_annotations())["signalbox/on-demand"] = "true";
        if (absl::ConsumePrefix(&word, "ttl="))
          (*resource->mutable_annotations())["signalbox/ttl"] = std::string(word);
      }
    }
    grpc::ClientContext context;
    ApplyResponse response;
    const grpc::Status status = config_->Apply(&context, request, &response);
    if (!status.ok()) Say(absl::StrCat("refused ", status.error_message()));
    SB_CHECK(status.ok());
    const absl::Time until = absl::Now() + kPatience;
    while (Nodes("").revision() < response.revision()) {
      SB_CHECK(absl::Now() < until);
      absl::SleepFor(kPoll);
    }
  }

  // What others have left, as removals.
  std::vector<Server::Edit> Everything() const {
    std::vector<Server::Edit> edits;
    for (const auto& [key, edit] : present_) {
      if (edit.spec.name != kFenceName) edits.push_back({{key.first, key.second, "", {}}, true});
    }
    return edits;
  }

  // The daemon is another one, on an empty store: brings what was there.
  void Restore() {
    Connect();
    std::vector<Server::Edit> edits;
    for (const auto& [key, edit] : present_) edits.push_back(edit);
    Apply(edits);
  }

  bool IsConnected(const std::string& id) {
    const ListNodesResponse nodes = Nodes(id);
    return std::any_of(nodes.nodes().begin(), nodes.nodes().end(),
                       [](const auto& node) { return node.state() != admin::v1::GONE; });
  }

  ListNodesResponse Nodes(const std::string& id) {
    ListNodesRequest request;
    request.set_id(id);
    ListNodesResponse response;
    grpc::ClientContext context;
    const grpc::Status status = nodes_->List(&context, request, &response);
    SB_CHECK(status.ok());
    return response;
  }

 private:
  std::unique_ptr<ConfigService::Stub> config_;
  std::unique_ptr<NodesService::Stub> nodes_;
  std::map<Key, Server::Edit> present_;
};

Admin& TheAdmin() {
  static auto* const admin = new Admin();
  return *admin;
}

class SocketSequenceServer : public SequenceServer {
 public:
  SocketSequenceServer(Variant variant, XdsBodies* bodies)
      : variant_(variant),
        bodies_(bodies),
        fence_type_(bodies->registry().FindByShortName(Now().has_routes ? "runtime" : "route")) {
    Publish(TheAdmin().Everything());
  }
  ~SocketSequenceServer() override {
    if (stream_ != nullptr) Disconnect();
  }

  void Publish(const std::vector<Server::Edit>& edits) override {
    // The fence changes with everything: when it has come, so has the rest.
    std::vector<Server::Edit> all = edits;
    for (const char* type : {"runtime", "route"}) {
      all.push_back({{type, std::string(kFenceName), absl::StrCat(++published_), {}}, false});
    }
    for (const Server::Edit& edit : all) {
      if (!edit.remove) bodies_->Make(edit.spec);
    }
    TheAdmin().Apply(all);
    fence_due_ = fence_asked_;
    dirty_ = asked_;
  }

  void Connect() override {
    if (channel_ == nullptr) {
      grpc::ChannelArguments arguments;
      arguments.SetMaxReceiveMessageSize(-1);
      arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
      channel_ = grpc::CreateCustomChannel(Environment("SIGNALBOX_TEST_XDS"),
                                           grpc::InsecureChannelCredentials(), arguments);
    }
    context_ = std::make_unique<grpc::ClientContext>();
    context_->set_wait_for_ready(true);
    grpc::GenericStub stub(channel_);
    stream_ =
        stub.PrepareCall(context_.get(),
                         absl::StrCat("/envoy.service.discovery.v3.AggregatedDiscoveryService/",
                                      variant_ == Variant::kSotw ? "StreamAggregatedResources"
                                                                 : "DeltaAggregatedResources"),
                         &queue_);
    finished_.reset();
    inbox_.clear();
    asked_ = fence_asked_ = fence_due_ = dirty_ = false;
    fence_nonce_.clear();
    fence_version_.clear();
    introduction_.clear();
    stream_->StartCall(Tag(kStarted));
    Await(kStarted);
    Read();
  }

  void Disconnect() override {
    context_->TryCancel();
    Finish();
    stream_.reset();
    // The daemon has noticed when the node is gone.
    const absl::Time until = absl::Now() + kPatience;
    while (!node_.empty() && TheAdmin().IsConnected(node_)) {
      SB_CHECK(absl::Now() < until);
      absl::SleepFor(kPoll);
    }
  }

  void Restart(Memory memory) override {
    // The daemon waits for who is connected.
    stream_.reset();
    channel_.reset();
    TheAdmin().Disconnect();
    Say(memory == Memory::kWritten ? "restart" : "restart forgetful");
    std::string line;
    SB_CHECK(static_cast<bool>(std::getline(std::cin, line)));
    if (memory == Memory::kWritten) {
      TheAdmin().Connect();
    } else {
      TheAdmin().Restore();
    }
  }

  void Retry(const std::string&) override { SB_CHECK(false); }

  // What a node refused is remembered: each sequence has nodes of its own.
  std::string NodeId(const std::string& id) override {
    node_ = absl::StrCat(id, "-", Now().number);
    return node_;
  }

  void Send(const std::string& bytes) override {
    if (!finished_.has_value()) Write(bytes);
    asked_ = dirty_ = true;
  }

  const RecordingWire::Written* Next() override {
    if (inbox_.empty() && std::exchange(dirty_, false)) Settle();
    return inbox_.empty() ? nullptr : &inbox_.front();
  }
  void Take() override { inbox_.pop_front(); }
  void Done() override {}

  std::optional<absl::Status> Finished() override { return finished_; }

  void Advance(absl::Duration time, const std::function<void()>& look) override {
    // A little more: the daemon's timers start when it has dealt with what came before.
    absl::SleepFor(time + absl::Milliseconds(50));
    dirty_ = true;
    look();
  }

  void SetGrace(absl::Duration, absl::Duration, absl::Duration) override { SB_CHECK(false); }
  void WithholdSecrets() override { SB_CHECK(false); }

  std::string State(absl::string_view type, absl::string_view wanted) override {
    std::string state;
    const absl::Time until = absl::Now() + absl::Seconds(2);
    while (state != wanted && absl::Now() < until) {
      const ListNodesResponse nodes = TheAdmin().Nodes(node_);
      state.clear();
      for (const auto& node : nodes.nodes()) {
        if (type.empty()) state = NodeState_Name(node.state());
        for (const auto& one : node.types()) {
          if (one.kind() == type) state = NodeState_Name(one.state());
        }
      }
      // The fence is answered while clusters are not.
      if (state == "WARMING" && wanted == "PENDING") state = "PENDING";
      absl::SleepFor(kPoll);
    }
    return state;
  }

  std::optional<std::vector<SessionEvent>> TakeEvents() override { return std::nullopt; }
  std::vector<std::string> TakeViolations() override { return std::exchange(violations_, {}); }

 private:
  enum Event { kStarted = 1, kWritten, kRead, kFinished };
  static void* Tag(Event event) { return reinterpret_cast<void*>(event); }

  // Whether one thing happened by then; what was read is taken in.
  std::optional<Event> Happen(absl::Time until) {
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(until)) != grpc::CompletionQueue::GOT_EVENT)
      return std::nullopt;
    const Event event = static_cast<Event>(reinterpret_cast<intptr_t>(tag));
    if (event == kRead) {
      reading_ = false;
      if (ok) {
        TakeIn(BytesOf(read_));
        Read();
      } else {
        ended_ = true;
      }
    }
    return event;
  }

  void Await(Event event) {
    const absl::Time until = absl::Now() + kPatience;
    while (true) {
      const std::optional<Event> happened = Happen(until);
      SB_CHECK(happened.has_value());
      if (*happened == event) return;
    }
  }

  void Read() {
    ended_ = false;
    reading_ = true;
    stream_->Read(&read_, Tag(kRead));
  }

  void Write(const std::string& bytes) {
    stream_->Write(BufferOf(bytes), Tag(kWritten));
    Await(kWritten);
  }

  void Finish() {
    if (finished_.has_value()) return;
    while (reading_) SB_CHECK(Happen(absl::Now() + kPatience).has_value());
    grpc::Status status;
    stream_->Finish(&status, Tag(kFinished));
    Await(kFinished);
    finished_ =
        absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }

  template <typename Response>
  RecordingWire::Written Describe(const std::string& bytes) {
    RecordingWire::Written written{bytes, nullptr, "", 0, bytes.size()};
    Response response;
    if (!response.ParseFromString(bytes)) violations_.push_back("a message that is no response");
    written.type = bodies_->registry().FindByUrl(response.type_url());
    written.nonce = response.nonce();
    written.resource_count = static_cast<size_t>(response.resources_size());
    // Who the server is says its first response, which may be the fence.
    if (response.has_control_plane()) {
      introduction_.clear();
      if (written.type == fence_type_) {
        Response introduction;
        *introduction.mutable_control_plane() = response.control_plane();
        introduction_ = introduction.SerializeAsString();
      }
    } else if (written.type != fence_type_) {
      written.bytes += std::exchange(introduction_, "");
      written.announced_size = written.bytes.size();
    }
    if (written.type == nullptr) violations_.push_back("a response of type " + response.type_url());
    return written;
  }

  void TakeIn(const std::string& bytes) {
    using envoy::service::discovery::v3::DeltaDiscoveryResponse;
    using envoy::service::discovery::v3::DiscoveryResponse;
    RecordingWire::Written written = variant_ == Variant::kSotw
                                         ? Describe<DiscoveryResponse>(bytes)
                                         : Describe<DeltaDiscoveryResponse>(bytes);
    if (written.type == fence_type_) {
      TakeFence(written);
    } else if (written.type != nullptr) {
      inbox_.push_back(std::move(written));
    }
  }

  void TakeFence(const RecordingWire::Written& written) {
    const Message message = ReadResponse(variant_, written, *bodies_, &violations_);
    fence_nonce_ = message.nonce;
    fence_version_ = message.version;
    const auto found = message.resources.find(std::string(kFenceName));
    fence_seen_ = found == message.resources.end() ? "" : found->second;
    ++fences_;
  }

  // Asks for the fence by its name, or, with an answer outstanding, answers.
  std::string FenceRequest(bool afresh) const {
    const std::vector<std::string> names = {std::string(kFenceName)};
    if (variant_ == Variant::kDelta) {
      return Encode(DeltaRequest{.type_url = fence_type_->type_url(),
                                 .subscribe = afresh ? names : std::vector<std::string>(),
                                 .nonce = fence_nonce_},
                    nullptr);
    }
    return Encode(SotwRequest{.type_url = fence_type_->type_url(),
                              .names = names,
                              .nonce = afresh ? "" : fence_nonce_,
                              .version = afresh ? "" : fence_version_},
                  nullptr);
  }

  // Until everything sent and published is dealt with, and what that brings is here.
  void Settle() {
    if (finished_.has_value()) return;
    if (asked_) Fence();
    if (ended_) return Finish();
    if (!fence_asked_ || Now().has_routes) {
      const absl::Time quiet = absl::Now() + kQuiet;
      while (!ended_ && Happen(quiet).has_value()) {
      }
    }
    if (ended_) Finish();
  }

  void Fence() {
    const absl::Time until = absl::Now() + kPatience;
    const auto await = [&](const auto& here) {
      while (!ended_ && !here()) {
        if (Happen(until).has_value()) continue;
        violations_.push_back("the fence does not come");
        return;
      }
    };
    // What was published comes by itself.
    if (std::exchange(fence_due_, false)) {
      await([&] {
        return fence_seen_ == absl::StrCat(published_) ||
               fence_seen_ == absl::StrCat(published_ - 1);
      });
      if (!ended_) Write(FenceRequest(false));
    }
    const int before = fences_;
    if (ended_) return;
    Write(FenceRequest(true));
    fence_asked_ = true;
    await([&] { return fences_ > before; });
    if (!ended_) Write(FenceRequest(false));
  }

  static inline int published_ = 0;
  static inline std::shared_ptr<grpc::Channel> channel_;

  const Variant variant_;
  XdsBodies* const bodies_;
  const ResourceType* const fence_type_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer read_;
  bool reading_ = false;
  bool ended_ = false;  // the server's side of the stream
  std::optional<absl::Status> finished_;
  std::deque<RecordingWire::Written> inbox_;
  std::vector<std::string> violations_;
  std::string node_;
  bool asked_ = false;  // something, on this stream: its first request says the node
  bool dirty_ = false;  // something was done since the last fence
  bool fence_asked_ = false;
  bool fence_due_ = false;
  int fences_ = 0;
  std::string introduction_;
  std::string fence_seen_, fence_nonce_, fence_version_;
};

}  // namespace

bool PlayedHere(absl::string_view file, Variant variant, absl::string_view script) {
  const std::string why = WhyNot(file, variant, script);
  Say(absl::StrCat(why.empty() ? "play " : "skip ", file, " ", VariantName(variant),
                   why.empty() ? "" : ": ", why));
  ++Now().number;
  Now().has_routes = absl::StrContains(script, "RDS") || absl::StrContains(script, "route/") ||
                     absl::StrContains(script, "VHDS");
  return why.empty();
}

std::unique_ptr<SequenceServer> MakeSequenceServer(Variant variant, XdsBodies* bodies) {
  return std::make_unique<SocketSequenceServer>(variant, bodies);
}

}  // namespace signalbox::testing
