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
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/fleet/node_status.h"
#include "server/snapshot/snapshot_diff.h"
#include "server/snapshot/type_set_interner.h"
#include "server/types/registry.h"
#include "server/xds/name_set.h"
#include "server/xds/node_memory.h"
#include "server/xds/resource_errors.h"
#include "server/xds/response.h"
#include "server/xds/subscription.h"
#include "server/xds/view.h"

namespace signalbox {

// What every session of a process shares. All of it outlives the sessions.
struct SessionContext {
  const TypeRegistry* registry = nullptr;
  DiffCache* diffs = nullptr;
  TypeSetInterner* sets = nullptr;
  NameSetInterner* names = nullptr;
  std::string server_id;  // ControlPlane.identifier (XDS C9)

  // When a newer response may follow an unanswered one; doubled each time up to `longest_overrun`
  // (XDS ruling 1).
  absl::Duration overrun_after = absl::Seconds(2);
  absl::Duration longest_overrun = absl::Seconds(30);
  // How long a route waits for a cluster that it newly names (XDS O1b).
  absl::Duration warm_timeout = absl::Seconds(20);
  // How long a removal waits for what refers to it at most (XDS O2).
  absl::Duration hold_max = absl::Minutes(15);
  // How long a removed cluster stays after the last acknowledgement of what referred to it, for
  // requests under way; where the stream has anything that may use clusters which it does not name;
  // and where a listener referred to it, whose connections go on until it has drained (XDS O2).
  absl::Duration removal_grace = absl::Seconds(5);
  absl::Duration removal_grace_opaque = absl::Seconds(60);
  absl::Duration listener_drain = absl::Minutes(10);
  // After this an unanswered response makes its node STALE.
  absl::Duration ack_deadline = absl::Seconds(30);
  // A delta Envoy that asks for endpoints and not for clusters within this time reconnected while
  // warming (XDS D11).
  absl::Duration orphan_after = absl::Seconds(1);
};

// The two variants of the protocol: state of the world and incremental.
enum class Variant { kSotw, kDelta };

// "sotw" or "delta": the name in tables, the API and metrics.
absl::string_view VariantName(Variant variant);

// Who is at the other end; from the first request (XDS C4).
struct ClientInfo {
  std::string node_id;
  std::string cluster;
  std::string agent;  // user agent and version, "envoy 1.40.0"
  bool is_envoy = false;
  bool takes_ttl = false;     // it says so among its features (XDS L1)
  bool reads_errors = false;  // it is known to (XDS X5)
};

// The feature of a client that drops resources after their time to live, but for those that a
// heartbeat comes for.
inline constexpr absl::string_view kTakesTtl = "xds.config.supports-resource-ttl";

// Something that happened in a session which others may want to know.
struct SessionEvent {
  enum class Kind {
    kAck,        // a response was acknowledged
    kNack,       // a response was refused; `names` are found guilty by it, maybe none yet
    kConvicted,  // `names` are found guilty because the others turned out innocent
    kReleased,   // `names` were sent after waiting too long; `text` says for what
    kOversized,  // `names` are larger than what receivers take by default
    kWithheld,   // a type was asked for that is not sent on this stream; `text` says why
  };
  Kind kind;
  const ResourceType* type = nullptr;
  Revision revision;
  absl::Duration elapsed;
  std::vector<std::string> names;
  std::string text;
};

// One stream's protocol state: a pure function of events and the time that comes with them. Knows
// no thread, socket, clock, nor other streams. What both variants share; SotwSession and
// DeltaSession add their messages.
//
// The owner calls Next after every event: it returns what to write, and nothing more until
// OnWritten.
class Session {
 public:
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Every request of the stream is for this type (XDS C1). Before the first one; without it each
  // says its own.
  void ServeOnly(std::string type_url) { only_ = std::move(type_url); }

  // A message came from the client. An error ends the stream with it:
  //   kInvalidArgument    the bytes are no request, the first one has no node.id, no type_url where
  //                       it is needed, or another one than the stream's (XDS C1)
  //   kResourceExhausted  a limit of server/xds/limits.h
  virtual absl::Status OnRequest(absl::string_view bytes, absl::Time now) = 0;
  // What the client should have from now on.
  void OnTargets(const View& view, absl::Time now);
  // The last response has left.
  void OnWritten(absl::Time now);
  // NextDeadline has come.
  void OnTime(absl::Time now);

  // The next response, if one is due and none is being written.
  std::optional<Response> Next(absl::Time now);
  // When to call OnTime, after `now`; InfiniteFuture for never.
  absl::Time NextDeadline(absl::Time now) const;

  // Set once the first request was read.
  const std::optional<ClientInfo>& client() const { return client_; }
  Variant variant() const { return variant_; }

  // Secrets are not sent on this stream: others could read them (XDS 1.8). Before anything else.
  void WithholdSecrets() { withholds_secrets_ = true; }

  // The types whose first request was read since the last call.
  std::vector<const ResourceType*> TakeAsked();
  // What earlier streams of the same client left behind of such a type. Before the next Next.
  void Remember(const ResourceType& type, NodeMemory memory);
  // What became refused, or is not any more, since the last call.
  std::vector<RefusalChange> TakeRefusalChanges();
  // What of each type that the client asked for was sent, and neither acknowledged nor refused.
  std::map<std::string, std::vector<std::string>> Unsettled() const;
  // What the client refused is sent once more (`nodes retry`).
  void Retry();

  // What happened since the last call.
  std::vector<SessionEvent> TakeEvents() { return std::exchange(events_, {}); }

  // How far the client is. Times are on the session's clock; `namespace_name`, `group` and
  // `connected` are left to the caller.
  NodeStatus Status(absl::Time now) const;

 protected:
  Session(const SessionContext* context, std::string stream_id, Variant variant);

  // Puts a response together out of `pending`, which is not empty, and tells the subscription.
  // None: the client has it already (XDS W5).
  virtual std::optional<Response> Compose(Subscription& subscription,
                                          const Subscription::Pending& pending, absl::Time now) = 0;

  // What is known of versions that were refused is to be forgotten.
  virtual void OnRetry() {}

  // Whether there is something to say beside what is pending, which need not wait for what that
  // waits for.
  virtual bool OwesMore(const Subscription& subscription,
                        const Subscription::Pending& pending) const {
    return false;
  }

  // The subscription that a request with this type URL is for; null for a type that nobody here
  // knows (XDS C11).
  //   kInvalidArgument  as OnRequest
  absl::StatusOr<Subscription*> FindSubscription(absl::string_view type_url);
  // What is told without any change, once everything that has changed is told; when that is due
  // next, InfiniteFuture for never.
  virtual std::optional<Response> ComposeHeartbeat(absl::Time now) { return std::nullopt; }
  virtual absl::Time next_heartbeat() const { return absl::InfiniteFuture(); }

  // The targets have changed: they are as OnTargets set them.
  virtual void AfterTargets() {}
  // Takes node and limits from a request's parts.
  template <typename Node>
  absl::Status ReadNode(bool has_node, const Node& node);
  absl::Status CheckToken(absl::string_view what, absl::string_view token) const;
  // What is kept of a client's error text: the beginning, cut between characters.
  static std::string ErrorText(const std::string& text);

  void AfterAck(Subscription& subscription, const Subscription::Settled& settled, absl::Time now);
  void AfterNack(Subscription& subscription, const Subscription::Settled& settled,
                 absl::string_view error, absl::Time now);
  // Endpoints of clusters that go out follow them (XDS W13, D11): at once, or when the client asks
  // for endpoints.
  void FollowClusters(const std::vector<FragmentPtr>& clusters);
  // Endpoints were asked for the first time: those of clusters that went out before are sent
  // whatever the client has.
  void FollowEarlierClusters();
  std::string NextNonce();
  // Fields 4, 5 and (once) control_plane, which both variants have under the same first two
  // numbers.
  void AppendCommonHead(const ResourceType& type, const std::string& nonce, int control_plane_field,
                        std::string* head);
  void Oversized(const ResourceType& type, const Fragment& fragment);
  // Adds what there is to tell of names that do not exist, to a client that reads it (XDS X5), as
  // `field` of a response of the type.
  void AppendErrors(const ResourceType& type, int field, std::string* head);
  // A client asks for names again: that one does not exist is told again.
  void AskedAgain(const ResourceType& type, const std::vector<std::string>& names);

  const SessionContext& context() const { return *context_; }
  Subscription& subscription(size_t index) { return *types_[index].subscription; }
  Subscription& subscription(const ResourceType& type) {
    return *types_[static_cast<size_t>(type.index())].subscription;
  }
  const Subscription& subscription(const ResourceType& type) const {
    return *types_[static_cast<size_t>(type.index())].subscription;
  }
  // The client says that it has something from before this stream.
  void NotePresented() { presented_ = true; }
  // Whether an earlier stream left unsettled what it sent of the type: the client may have more
  // than it says.
  bool LeftUnsettled(const Subscription& subscription) const {
    return types_[subscription.type().index()].left_unsettled;
  }
  // Endpoints are asked for before clusters; whether those come tells if the client is stuck (XDS
  // D11).
  void WatchForOrphans(absl::Time now);

 private:
  struct Waiting {
    absl::Time since;
    // Of a removal: since when nothing refers to it any more.
    absl::Time unreferred = absl::InfiniteFuture();
    bool drains = false;    // a listener referred to it
    bool released = false;  // it waited long enough and goes out
  };
  // Who refers to what, by ResourceType::index(); made when it is asked for.
  using AllReferrers = std::optional<std::vector<Referrers>>;
  struct TypeState {
    std::unique_ptr<Subscription> subscription;
    bool told_asked = false;  // by TakeAsked
    Revision synced;          // the newest revision that the client has all of
    absl::Time changed_at;    // of the last thing that happened
    absl::Time answered_at = absl::InfinitePast();
    std::map<std::string, Waiting, std::less<>> waiting;  // by name
    bool left_unsettled = false;                          // by an earlier stream
    std::set<std::string> told_missing;  // names of which it was told that there is nothing
    std::vector<std::string> missing;    // those to tell with the next response
  };

  // Whether nothing is sent: the store is empty, perhaps by mistake, and the client has something
  // (GOALS C4).
  bool LeftAlone() const { return unproven_ && presented_; }
  // Whether nothing of the type is sent on this stream.
  bool Withheld(const Subscription& subscription) const {
    return withholds_secrets_ && subscription.type().secret();
  }
  // For what `wanted` must wait in place of `has`; "" for nothing.
  std::string ReasonToWait(const TypeState& state, const Fragment& wanted, const Held& has) const;
  // Who has to let go of a name of the type before it is taken away (XDS O2): "route/r"; "" for
  // nobody. Endpoints whose cluster stays go at once: the client may be warming that cluster, and
  // does not acknowledge it before its endpoints are told.
  std::string ReferrerOf(const TypeState& state, const std::string& name,
                         AllReferrers* referrers) const;
  // How long a removal waits after that.
  absl::Duration Grace(const TypeState& state, const Waiting& waiting) const;
  absl::Duration WaitLimit(const Fragment* wanted) const;
  // Whether a name waits for `reason`, which may be "", and not too long yet.
  bool MustWait(TypeState& state, const std::string& name, const Fragment* wanted,
                std::string reason, absl::Time now);
  bool MustStay(TypeState& state, const std::string& name, AllReferrers* referrers, absl::Time now);
  // It has waited as long as it may.
  void Release(TypeState& state, const std::string& name, Waiting& waiting, absl::Duration waited,
               std::string reason);
  // What a name waits for, for people.
  std::string WhyHeld(const TypeState& state, const std::string& name,
                      const Waiting& waiting) const;
  // What there is to send of the type, but for what must wait.
  Subscription::Pending FindPending(TypeState& state, absl::Time now);
  // Names that the client asks for and that neither exist nor are at the client, or will not be by
  // what is pending, and of which it was not told yet: those that TypeState::missing is to be.
  std::vector<std::string> FindMissing(TypeState& state,
                                       const Subscription::Pending& pending) const;
  bool Settled(const TypeState& state) const;
  void NoteSynced(absl::Time now);
  void NoteWithheld(const Subscription& subscription);
  const TypeState* Find(absl::string_view short_name) const;
  NodeTypeStatus TypeStatus(const TypeState& state, absl::Time now) const;

  const SessionContext* const context_;
  const std::string stream_id_;
  const Variant variant_;

  std::string only_;              // the type URL of every request; "" for any
  std::vector<TypeState> types_;  // by ResourceType::index()
  std::optional<ClientInfo> client_;
  bool has_targets_ = false;
  bool unproven_ = false;   // View::unproven of the newest targets
  bool presented_ = false;  // the client has something from before
  bool withholds_secrets_ = false;
  bool told_of_secrets_ = false;  // the event of that
  bool writing_ = false;
  bool introduced_ = false;  // control_plane was sent
  uint64_t nonces_ = 0;
  absl::Time orphans_at_ = absl::InfiniteFuture();  // when endpoints without clusters are sent once
  std::map<std::string, FragmentPtr>
      unfollowed_;  // clusters that went out before endpoints were asked for, by name
  std::vector<SessionEvent> events_;
};

template <typename Node>
absl::Status Session::ReadNode(bool has_node, const Node& node) {
  if (client_.has_value()) return absl::OkStatus();
  if (!has_node || node.id().empty()) {
    return absl::InvalidArgumentError("the first request of a stream must carry node.id");
  }
  if (absl::Status status = CheckToken("node.id", node.id()); !status.ok()) return status;
  if (absl::Status status = CheckToken("node.cluster", node.cluster()); !status.ok()) return status;
  if (absl::Status status = CheckToken("node.user_agent_name", node.user_agent_name());
      !status.ok())
    return status;
  if (absl::Status status = CheckToken("node.user_agent_version", node.user_agent_version());
      !status.ok()) {
    return status;
  }
  ClientInfo client;
  client.node_id = node.id();
  client.cluster = node.cluster();
  client.agent = node.user_agent_name();
  client.is_envoy = node.user_agent_name() == "envoy";
  client.reads_errors = ReadsResourceErrors(node.user_agent_name(), node.user_agent_version());
  for (const std::string& feature : node.client_features())
    client.takes_ttl |= feature == kTakesTtl;
  std::string version = node.user_agent_version();
  if (version.empty() && node.has_user_agent_build_version()) {
    const auto& number = node.user_agent_build_version().version();
    version = std::to_string(number.major_number()) + "." + std::to_string(number.minor_number()) +
              "." + std::to_string(number.patch());
  }
  if (!version.empty()) client.agent += (client.agent.empty() ? "" : " ") + version;
  client_ = std::move(client);
  return absl::OkStatus();
}

}  // namespace signalbox
