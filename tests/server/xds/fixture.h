#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "server/fleet/fleet.h"
#include "server/snapshot/snapshot_cache.h"
#include "server/snapshot/snapshot_diff.h"
#include "server/snapshot/type_set_interner.h"
#include "server/types/xdstp.h"
#include "server/xds/name_set.h"
#include "server/xds/node_memory.h"
#include "server/xds/session.h"
#include "server/xds/stream.h"
#include "server/xds/wire.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_timers.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox::testing {

// A wire that keeps what is written. Writes are finished by the test.
class RecordingWire : public Wire {
 public:
  struct Written {
    std::string bytes;
    const ResourceType* type;
    std::string nonce;
    size_t resource_count;
    size_t announced_size;  // Response::ByteSize
  };

  void Write(Response response) override;
  void Finish(const absl::Status& status) override;

  // The write that has not left yet.
  std::optional<Written> in_flight;
  // How the stream was ended from the server's side.
  std::optional<absl::Status> finished;
  // Broken promises of the Wire's user: two writes at once, something after Finish.
  std::vector<std::string> violations;
};

// Draws the same number each time.
class SameRandom : public Random {
 public:
  uint64_t Next() override { return number; }
  uint64_t number = 0;
};

// Keeps what streams tell.
class RecordingObserver : public StreamObserver {
 public:
  void OnConnected(const ClientInfo& client, Variant variant) override { ++connected; }
  void OnDisconnected(const ClientInfo& client, Variant variant) override { ++disconnected; }
  void OnWrite(const ClientInfo& client, const Response& response) override { ++writes; }
  void OnEvent(const ClientInfo& client, const SessionEvent& event) override {
    events.push_back(event);
  }

  int connected = 0;
  int disconnected = 0;
  int writes = 0;
  std::vector<SessionEvent> events;
};

// All that a daemon has around its streams, with a clock and timers of the test's. Not
// synchronised.
class Server {
 public:
  // An edit of what is published; without a tag the resource is taken out.
  struct Edit {
    XdsBodies::Spec spec;
    bool remove = false;
  };

  // `bodies` and `clock` must outlive this object.
  Server(XdsBodies* bodies, FakeClock* clock);

  // The next revision: what was published, with `edits`.
  void Publish(const std::vector<Edit>& edits);
  // The same revision once more, as another daemon on the same store would have it.
  void PublishAs(const Server& other);
  // Learns what clients of the daemon before this one refused, as if that had written it down.
  void LearnFrom(Server& other);
  const SnapshotPtr& snapshot() const { return snapshot_; }

  // A stream on `wire`, which must outlive it; with a type URL, one of that type's own service.
  std::shared_ptr<Stream> Open(Variant variant, RecordingWire* wire, const std::string& only = "");
  // Streams from now on are such that others can read them.
  void WithholdSecrets() { withholds_secrets_ = true; }
  // A session on its own.
  std::unique_ptr<Session> MakeSession(Variant variant);

  XdsBodies& bodies() { return *bodies_; }
  const Fleet& fleet() const { return fleet_; }
  RecordingObserver& observer() { return observer_; }
  FakeTimers& timers() { return timers_; }
  SnapshotCache& cache() { return cache_; }
  NodeMemories& memories() { return memories_; }
  SessionContext& session_context() { return session_context_; }
  StreamContext& stream_context() { return stream_context_; }

 private:
  XdsBodies* const bodies_;
  FakeClock* const clock_;
  FakeTimers timers_;
  DiffCache diffs_;
  TypeSetInterner sets_;
  NameSetInterner names_;
  NodeMemories memories_;
  Fleet fleet_;
  SnapshotCache cache_;
  RecordingObserver observer_;
  SessionContext session_context_;
  StreamContext stream_context_;
  SnapshotPtr snapshot_;
  int streams_ = 0;
  bool withholds_secrets_ = false;
  std::map<std::pair<std::string, std::string>, NodeQuarantines> written_;  // by node and client
};

// A response, read as the generated classes read it.
struct Message {
  const ResourceType* type = nullptr;
  std::string nonce;
  std::string version;                           // version_info or system_version_info
  std::string control_plane;                     // its identifier, "" if absent
  std::map<std::string, std::string> resources;  // name -> tag
  std::map<std::string, std::vector<std::string>> endpoints_of;  // of clusters: what they refer to
  std::vector<std::string> removed;
  // What came without a body: of names that the client has, with the tag that it should have (XDS
  // L1), and of names for which there is nothing else (X6).
  std::map<std::string, std::string> heartbeats;
  std::set<std::string> unresolved;
  // Of all that came, as text: the tag, "!" without a body, then "+ALIAS,ALIAS" and "~TTL".
  std::map<std::string, std::string> told;
  std::vector<std::string> errors;  // names of which it is said that they do not exist (X5)
  size_t bytes = 0;
};

// Reads what was written; adds to `violations` what no response may be, whatever came before it:
// unknown bytes (every body must be one of `bodies`), another type in an Any (XDS C6), a name twice
// or in both lists (D12), no body but for a heartbeat or with an alias (L1, X6), no nonce (C3), no
// version (D10), an announced size or count that is not the real one.
Message ReadResponse(Variant variant, const RecordingWire::Written& written,
                     const XdsBodies& bodies, std::vector<std::string>* violations);

// What a client has seen of one stream, so that each message can be held against what went before:
// nonces are distinct (C3), the first response says who the server is (C9), nothing comes for a
// type that was not asked for (C7, C13), nothing is sent that the client has, unless something asks
// for it (C8): a new name or one that is asked for again (W10, D2), a refusal, a cluster before its
// endpoints (W13, D11), a subscription made afresh (W4, W5).
class WireCheck {
 public:
  WireCheck(Variant variant, std::set<std::string>* nonces, std::vector<std::string>* violations)
      : variant_(variant), came_back_(!nonces->empty()), nonces_(nonces), violations_(violations) {}

  struct Request {
    const ResourceType* type = nullptr;
    bool error = false;
    std::string nonce;
    std::string version;                         // SotW
    std::vector<std::string> names;              // SotW: all; delta: subscribed
    std::vector<std::string> dropped;            // delta: unsubscribed
    std::map<std::string, std::string> initial;  // delta: name -> tag or any text
  };
  void OnRequest(const Request& said);
  void OnResponse(const Message& message);
  // The next message of the type may repeat what the client has.
  void AllowAll(const ResourceType* type) { types_[type].all_asked = true; }
  // Each name asked for may be sent once, whatever the client has and whenever that is.
  void AllowNames(const ResourceType* type) {
    State& state = types_[type];
    state.asked.insert(state.names.begin(), state.names.end());
  }
  // The resource is deleted, which a SotW client of this type is not told (W9): it may be sent
  // again when it is there again, although the client has it.
  void OnDeleted(const ResourceType* type, const std::string& name) {
    if (variant_ == Variant::kSotw && !type->full_state_in_sotw())
      types_[type].unknown.insert(name);
  }

 private:
  struct State {
    bool active = false;
    bool wildcard = false;
    bool named = false;
    bool settled = false;
    std::set<std::string> names;
    std::map<std::string, std::string> has;   // name -> tag
    std::set<std::string> unknown;            // may have anything
    std::set<std::string> asked;              // asked for, whatever the client has
    std::set<std::string> collections_asked;  // the same, of what is in them
    bool all_asked = false;                   // everything is, once
    bool anything = false;                    // what it has is not known: from before the stream
    std::set<std::string>
        mentioned;  // on this stream; of others an earlier one may have left something (D3)
    std::set<std::string> followed;  // route configurations whose virtual hosts go after them
    std::map<std::string, Message> unanswered;
    std::set<std::string> brought_uncovered;  // by what was unanswered when they were dropped
  };
  bool Covers(const State& state, const std::string& name) const {
    return state.wildcard || state.names.contains(name) ||
           (variant_ == Variant::kDelta && state.names.contains(CollectionOf(name)));
  }
  // Of virtual hosts names are aliases: which are covered is for the sequences to say.
  bool Covers(const ResourceType* type, const State& state, const std::string& name) const {
    const bool hosts = type->short_name() == "virtual-host" && !state.names.empty();
    return hosts || Covers(state, name);
  }
  void Settle(State& state, const Request& request);
  // The endpoints that may be sent whatever the client has.
  std::set<std::string>* EndpointsDue();
  void Violation(const Message& message, absl::string_view what);

  const Variant variant_;
  const bool came_back_;
  std::set<std::string>* const nonces_;
  std::vector<std::string>* const violations_;
  std::map<const ResourceType*, State> types_;
  std::set<std::string> endpoints_due_;  // of clusters that came before endpoints were asked for
  bool introduced_ = false;
};

// A node that asks for something, for requests made by hand.
struct TestNode {
  std::string id = "n1";
  std::string agent = "envoy";
  std::string version = "1.40.0";
  std::vector<std::string> features = {};
};

// The requests, serialised. An empty nonce, version or error is left out. A locator is NAME or
// NAME;KEY=VALUE, with one dynamic parameter.
struct SotwRequest {
  std::string type_url;
  std::vector<std::string> names;
  std::string nonce;
  std::string version;
  std::optional<std::string> error;
  std::vector<std::string> locators = {};
};
struct DeltaRequest {
  std::string type_url;
  std::vector<std::string> subscribe;
  std::vector<std::string> unsubscribe;
  std::map<std::string, std::string> initial;
  std::string nonce;
  std::optional<std::string> error;
  std::vector<std::string> locators = {};  // subscribed
};
std::string Encode(const SotwRequest& request, const TestNode* node);
std::string Encode(const DeltaRequest& request, const TestNode* node);

}  // namespace signalbox::testing
