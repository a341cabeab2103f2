// Clients written from the protocol's text, without a line of the sessions, against streams;
// everything at random by a seed. At rest each client has exactly what it should, and no message
// ever repeats what a client had (WireCheck).
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "tests/server/xds/fixture.h"

namespace signalbox::testing {
namespace {

XdsBodies& Bodies() {
  static auto* const bodies = new XdsBodies();
  return *bodies;
}

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  int Below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }

 private:
  std::mt19937 random_;
};

bool IsBad(const std::string& tag) { return absl::StartsWith(tag, "bad"); }

// What is published, and when a name was last not there.
struct World {
  std::map<std::string, std::map<std::string, std::string>> target;  // type -> name -> tag
  std::map<std::string, std::map<std::string, int64_t>>
      last_absent;  // type -> name -> revision; 0: never was there
  int64_t revision = 0;
};

class Client {
 public:
  Client(int number, Variant variant, bool names_causes, Server* server, FakeClock* clock,
         World* world, Dice* dice, std::vector<std::string>* trace)
      : variant_(variant),
        names_causes_(names_causes),
        server_(server),
        clock_(clock),
        world_(world),
        dice_(dice),
        trace_(trace) {
    node_.id = absl::StrCat("client-", number);
    Open();
  }

  void Step() {
    switch (dice_->Below(12)) {
      case 0:
      case 1:
        ChangeInterest();
        break;
      case 2:
        stalled_ = !stalled_;
        Log(stalled_ ? "stalls" : "resumes");
        break;
      case 3:
        // Where the cause cannot be told nor anything be left out, a state-of-the-world client that
        // comes back is stuck until the cause is mended (sequence
        // w08_refused_and_the_daemon_restarts).
        if (dice_->OneIn(4) && (variant_ == Variant::kDelta || names_causes_)) Reconnect();
        break;
      default:
        if (!received_.empty()) AnswerOldest();
    }
    Read();
  }

  void OnDeleted(const std::string& type, const std::string& name) {
    check_->OnDeleted(&Type(type), name);
  }

  // Takes what was written, unless it does not read at the moment.
  void Read() {
    Note();
    int messages = 0;
    while (!stalled_ && wire_->in_flight.has_value()) {
      if (++messages > 1000) {
        violations_.push_back("a thousand messages at once");
        return;
      }
      wire_->in_flight.reset();
      received_.push_back(*std::exchange(composing_, std::nullopt));
      Log(absl::StrCat("gets ", received_.back().nonce));
      stream_->OnWriteDone(true);
      Note();
    }
    violations_.insert(violations_.end(), wire_->violations.begin(), wire_->violations.end());
    wire_->violations.clear();
  }

  // Reads and answers everything; false if there was nothing.
  bool CatchUp() {
    stalled_ = false;
    Read();
    bool any = false;
    for (int i = 0; !received_.empty(); ++i) {
      if (i > 2000) {
        violations_.push_back("it never ends");
        return false;
      }
      any = true;
      AnswerOldest();
      Read();
    }
    return any;
  }

  // What is wrong now that everything is answered.
  std::vector<std::string> AtRest() {
    std::vector<std::string> wrong;
    for (auto& [type, state] : types_) {
      if (!state.active) continue;
      const bool told = variant_ == Variant::kDelta || Type(type).full_state_in_sotw();
      std::set<std::string> names;
      for (const auto& [name, tag] : world_->target[type]) names.insert(name);
      for (const auto& [name, tag] : state.held) names.insert(name);
      for (const std::string& name : names) {
        if (!Covers(state, name)) continue;
        const auto target = world_->target[type].find(name);
        const auto held = state.held.find(name);
        const std::string has = held == state.held.end() ? "nothing" : held->second;
        if (target == world_->target[type].end()) {
          if (told && has != "nothing")
            wrong.push_back(absl::StrCat(type, "/", name, ": has ", has, ", should be gone"));
        } else if (IsBad(target->second)) {
          if (IsBad(has)) wrong.push_back(absl::StrCat(type, "/", name, ": has ", has));
        } else if (has != target->second) {
          wrong.push_back(
              absl::StrCat(type, "/", name, ": has ", has, ", should have ", target->second));
        }
      }
    }
    const NodeStatus status = stream_->Status();
    bool bad = false;
    for (const auto& [type, state] : types_) {
      for (const auto& [name, tag] : world_->target[type])
        bad |= state.active && Covers(state, name) && IsBad(tag);
    }
    if (!types_.empty() && !bad && status.state != NodeState::kSynced &&
        status.state != NodeState::kIdle) {
      wrong.push_back(absl::StrCat("its state is ", std::string(NodeStateName(status.state)), ": ",
                                   status.detail));
    }
    for (const NodeTypeStatus& type : status.types) {
      if (wrong.empty()) break;
      wrong.push_back(absl::StrCat(type.type, " is ", std::string(NodeStateName(type.state)), ": ",
                                   type.detail, " refused: ", absl::StrJoin(type.refused, ",")));
    }
    for (std::string& text : wrong)
      text = absl::StrCat(node_.id, " (", std::string(VariantName(variant_)), "): ", text);
    return wrong;
  }

  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct State {
    bool active = false;  // asked for on this stream
    bool wildcard = false;
    std::set<std::string> names;
    std::map<std::string, std::string> held;  // what it uses
    std::set<std::string> recorded;           // delta: what it says that it has when it comes back
    std::string version;                      // SotW: acknowledged last
    std::string nonce;
    int64_t seen = 0;  // the revision at which the last message was composed
  };

  const ResourceType& Type(const std::string& name) const {
    return *Bodies().registry().FindByShortName(name);
  }
  bool Covers(const State& state, const std::string& name) const {
    return state.wildcard || state.names.contains(name);
  }
  void Log(const std::string& text) {
    trace_->push_back(absl::StrCat("r", world_->revision, " ", node_.id, " ",
                                   std::string(VariantName(variant_)), " ", text));
  }
  static std::string Text(const Message& message) {
    return absl::StrCat(std::string(message.type->short_name()), " ", message.nonce, " {",
                        absl::StrJoin(message.resources, " ", absl::PairFormatter("=")), " -",
                        absl::StrJoin(message.removed, " -"), "}");
  }

  // Holds a message against what went before when it was composed: the client may say something
  // before it reads it.
  void Note() {
    if (!wire_->in_flight.has_value() || composing_.has_value()) return;
    composing_ = ReadResponse(variant_, *wire_->in_flight, Bodies(), &violations_);
    Log(absl::StrCat("is sent ", Text(*composing_)));
    if (composing_->type->short_name() == "endpoints" && clock_->Now() >= orphan_at_) {
      orphan_at_ = absl::InfiniteFuture();
      check_->AllowAll(composing_->type);
    }
    check_->OnResponse(*composing_);
    const State& state = types_[std::string(composing_->type->short_name())];
    composed_[composing_->nonce] = {world_->revision, state.wildcard, state.names};
  }

  void Open() {
    wire_ = std::make_unique<RecordingWire>();
    stream_ = server_->Open(variant_, wire_.get());
    check_ = std::make_unique<WireCheck>(variant_, &nonces_, &violations_);
    received_.clear();
    composing_.reset();
    composed_.clear();
    orphan_at_ = absl::InfiniteFuture();
    first_ = true;
  }

  void Reconnect() {
    Log("reconnects");
    // What arrived may be in use by now, although the answer is lost.
    while (!received_.empty() && dice_->OneIn(2)) {
      const Message message = std::move(received_.front());
      received_.pop_front();
      Apply(message, Causes(message));
    }
    stream_->OnClosed();
    Open();
    std::vector<std::string> order = {"cluster", "endpoints", "listener", "route"};
    for (const std::string& type : order) {
      State& state = types_[type];
      if (!std::exchange(state.active, false)) continue;
      state.nonce.clear();
      state.seen = 0;
      if (!state.wildcard && state.names.empty()) continue;
      state.active = true;
      Ask(type, state, {}, {}, true);
      Read();
    }
  }

  void ChangeInterest() {
    static const char* const kTypes[] = {"cluster", "endpoints", "listener", "route"};
    const std::string type = kTypes[dice_->Below(4)];
    State& state = types_[type];
    const bool first = !state.active;
    std::set<std::string> names = state.names;
    bool wildcard = state.wildcard;
    if (Type(type).legacy_wildcard() && dice_->OneIn(first ? 1 : 6))
      wildcard = first ? !dice_->OneIn(3) : !wildcard;
    if (!wildcard || dice_->OneIn(3)) {
      for (int i = 1 + dice_->Below(3); i > 0; --i) {
        const std::string name = absl::StrCat("n", dice_->Below(8));
        if (!names.erase(name)) names.insert(name);
      }
    }
    if (first && names.empty() && !wildcard) return;
    std::vector<std::string> sub, unsub;
    for (const std::string& name : names) {
      // Now and then a name is asked for once more.
      if (!state.names.contains(name) || dice_->OneIn(10)) sub.push_back(name);
    }
    for (const std::string& name : state.names) {
      if (!names.contains(name)) unsub.push_back(name);
    }
    if (wildcard && !state.wildcard) sub.push_back("*");
    if (!wildcard && state.wildcard) unsub.push_back("*");
    state.active = true;
    state.wildcard = wildcard;
    state.names = names;
    std::erase_if(state.held, [&](const auto& held) { return !Covers(state, held.first); });
    std::erase_if(state.recorded, [&](const auto& name) { return !Covers(state, name); });
    Ask(type, state, sub, unsub, first);
  }

  std::vector<std::string> AllNames(const State& state) const {
    std::vector<std::string> names(state.names.begin(), state.names.end());
    if (state.wildcard) names.push_back("*");
    return names;
  }

  void Send(const std::string& type, const State& state, const std::string& nonce,
            const std::optional<std::string>& error, const std::vector<std::string>& sub,
            const std::vector<std::string>& unsub, bool first) {
    const TestNode* const node = std::exchange(first_, false) ? &node_ : nullptr;
    WireCheck::Request seen{
        &Type(type), error.has_value(), nonce, state.version, AllNames(state), unsub, {}};
    if (variant_ == Variant::kSotw) {
      check_->OnRequest(seen);
      stream_->OnMessage(Encode(
          SotwRequest{Type(type).type_url(), AllNames(state), nonce, state.version, error}, node));
      return;
    }
    DeltaRequest request{Type(type).type_url(), sub, unsub, {}, nonce, error};
    if (first) {
      request.subscribe = AllNames(state);
      for (const std::string& name : state.recorded) {
        const auto held = state.held.find(name);
        if (held == state.held.end()) continue;
        seen.initial[name] = held->second;
        request.initial[name] = Bodies().VersionOfTag(Type(type).type_url(), name, held->second);
      }
      // It may have come back while it was warming (D11).
      if (type == "endpoints" && !types_["cluster"].active)
        orphan_at_ = clock_->Now() + absl::Seconds(1);
    }
    seen.names = request.subscribe;
    check_->OnRequest(seen);
    stream_->OnMessage(Encode(request, node));
  }

  void Ask(const std::string& type, const State& state, const std::vector<std::string>& sub,
           const std::vector<std::string>& unsub, bool first) {
    Log(absl::StrCat("asks for ", type, " ", absl::StrJoin(AllNames(state), ","),
                     first ? " first" : ""));
    Send(type, state, variant_ == Variant::kSotw ? state.nonce : "", {}, sub, unsub, first);
  }

  std::set<std::string> Causes(const Message& message) const {
    std::set<std::string> causes;
    for (const auto& [name, tag] : message.resources) {
      if (IsBad(tag)) causes.insert(name);
    }
    return causes;
  }

  void Apply(const Message& message, const std::set<std::string>& causes) {
    const std::string type(message.type->short_name());
    State& state = types_[type];
    if (!causes.empty() && !names_causes_) return;
    const bool full = variant_ == Variant::kSotw && message.type->full_state_in_sotw();
    std::vector<std::string> gone = message.removed;
    if (full) {
      for (const auto& [name, tag] : state.held) {
        if (!message.resources.contains(name)) gone.push_back(name);
      }
    }
    for (const std::string& name : gone) {
      state.recorded.erase(name);
      if (state.held.erase(name) == 0 || state.seen == 0) continue;
      // A name that was there all the time is never taken away.
      const auto absent = world_->last_absent[type].find(name);
      const int64_t when = absent == world_->last_absent[type].end() ? 0 : absent->second;
      const Composed& composed = composed_[message.nonce];
      const bool was_asked_for = composed.wildcard || composed.names.contains(name);
      if (Covers(state, name) && was_asked_for && when < state.seen) {
        violations_.push_back(
            absl::StrCat(Text(message), ": ", name, " is taken away and was never gone"));
      }
    }
    for (const auto& [name, tag] : message.resources) {
      if (!Covers(state, name) || causes.contains(name)) continue;
      state.held[name] = tag;
      // A delta client does not record what came with a refused response.
      if (causes.empty()) {
        state.recorded.insert(name);
      } else {
        state.recorded.erase(name);
      }
    }
    state.seen = composed_[message.nonce].revision;
    if (causes.empty()) state.version = message.version;
  }

  void AnswerOldest() {
    const Message message = std::move(received_.front());
    received_.pop_front();
    const std::string type(message.type->short_name());
    const std::set<std::string> causes = Causes(message);
    Apply(message, causes);
    std::optional<std::string> error;
    if (!causes.empty()) {
      error = names_causes_ ? absl::StrCat("Error adding/updating ",
                                           absl::StrJoin(causes, ": bad, "), ": bad")
                            : "Invalid duration";
    }
    State& state = types_[type];
    state.nonce = message.nonce;
    Log(absl::StrCat(error.has_value() ? "refuses " : "accepts ", Text(message)));
    Send(type, state, message.nonce, error, {}, {}, false);
  }

  const Variant variant_;
  const bool names_causes_;
  Server* const server_;
  FakeClock* const clock_;
  World* const world_;
  Dice* const dice_;
  std::vector<std::string>* const trace_;
  TestNode node_;
  std::unique_ptr<RecordingWire> wire_;
  std::shared_ptr<Stream> stream_;
  std::unique_ptr<WireCheck> check_;
  std::set<std::string> nonces_;
  std::vector<std::string> violations_;
  std::map<std::string, State> types_;
  // When a message was composed, and what was asked for then: a name that is asked for since may be
  // missing in it.
  struct Composed {
    int64_t revision = 0;
    bool wildcard = false;
    std::set<std::string> names;
  };
  std::map<std::string, Composed> composed_;
  std::optional<Message> composing_;
  std::deque<Message> received_;
  absl::Time orphan_at_ = absl::InfiniteFuture();
  bool stalled_ = false;
  bool first_ = true;
};

void PublishSomething(Server* server, World* world, Dice* dice, std::vector<std::string>* trace,
                      const std::vector<std::unique_ptr<Client>>& clients) {
  static const char* const kTypes[] = {"cluster", "endpoints", "listener", "route"};
  std::map<std::pair<std::string, std::string>, Server::Edit> edits;
  for (int i = dice->OneIn(5) ? 12 : 1 + dice->Below(4); i > 0; --i) {
    const std::string type = kTypes[dice->Below(4)];
    const std::string name = absl::StrCat("n", dice->Below(8));
    Server::Edit edit{{type, name, "", {}}, dice->OneIn(4)};
    if (!edit.remove) {
      edit.spec.tag =
          dice->OneIn(6) ? absl::StrCat("bad", dice->Below(2)) : absl::StrCat("t", dice->Below(3));
      if (type == "route" || type == "listener") {
        const std::string cluster = absl::StrCat("n", dice->Below(8));
        edit.spec.refers_to = {type == "route" ? cluster : absl::StrCat("cluster/", cluster)};
        absl::StrAppend(&edit.spec.tag, ">", cluster);
      }
    }
    edits.insert_or_assign({type, name}, edit);
  }
  ++world->revision;
  std::vector<Server::Edit> list;
  std::string text = "publishes";
  for (const auto& [key, edit] : edits) {
    list.push_back(edit);
    absl::StrAppend(&text, " ", edit.remove ? "-" : "", key.first, "/", key.second, "=",
                    edit.spec.tag);
    if (edit.remove) {
      world->target[key.first].erase(key.second);
      for (const auto& client : clients) client->OnDeleted(key.first, key.second);
    } else {
      world->target[key.first][key.second] = edit.spec.tag;
    }
  }
  for (const char* type : kTypes) {
    for (int i = 0; i < 8; ++i) {
      const std::string name = absl::StrCat("n", i);
      if (!world->target[type].contains(name)) world->last_absent[type][name] = world->revision;
    }
  }
  trace->push_back(absl::StrCat("r", world->revision, " ", text));
  server->Publish(list);
}

// Returns what went wrong, "" for nothing.
std::string Run(unsigned seed, int steps) {
  Dice dice(seed);
  FakeClock clock;
  World world;
  std::vector<std::string> trace;
  Server server(&Bodies(), &clock);
  // A removal may wait for what was refused until then; that it ends is told at rest.
  server.session_context().hold_max = absl::Seconds(30);
  std::vector<std::unique_ptr<Client>> clients;
  PublishSomething(&server, &world, &dice, &trace, clients);
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(i, i % 2 == 0 ? Variant::kSotw : Variant::kDelta,
                                               i < 2, &server, &clock, &world, &dice, &trace));
  }
  const auto read_all = [&] {
    for (const auto& client : clients) client->Read();
  };
  const auto advance = [&](absl::Duration by) {
    const absl::Time until = clock.Now() + by;
    while (server.timers().NextDue() <= until) {
      clock.Advance(std::max(absl::ZeroDuration(), server.timers().NextDue() - clock.Now()));
      server.timers().Fire(clock.Now());
      read_all();
    }
    clock.Advance(until - clock.Now());
  };
  const auto failure = [&](const std::vector<std::string>& what) {
    const size_t first = trace.size() > 600 ? trace.size() - 600 : 0;
    return absl::StrCat(
        "seed ", seed, ":\n", absl::StrJoin(what, "\n"), "\nafter\n",
        absl::StrJoin(trace.begin() + static_cast<ptrdiff_t>(first), trace.end(), "\n"));
  };
  for (int step = 1; step <= steps; ++step) {
    if (dice.OneIn(5)) {
      PublishSomething(&server, &world, &dice, &trace, clients);
      read_all();
    } else if (dice.OneIn(8)) {
      advance(absl::Milliseconds(100 + dice.Below(4000)));
    } else {
      clients[static_cast<size_t>(dice.Below(4))]->Step();
    }
    for (const auto& client : clients) {
      if (!client->violations().empty()) return failure(client->violations());
    }
    if (step % 40 != 0) continue;
    trace.push_back("rests");
    // Long enough for everything that waits, one after the other, for clusters that will never be
    // acknowledged.
    for (int quiet = 0, rounds = 0; quiet < 3 && rounds < 200; ++rounds) {
      bool any = false;
      for (const auto& client : clients) any |= client->CatchUp();
      quiet = any ? 0 : quiet + 1;
      if (!any) advance(absl::Seconds(21));
    }
    for (const auto& client : clients) {
      if (!client->violations().empty()) return failure(client->violations());
      const std::vector<std::string> wrong = client->AtRest();
      if (!wrong.empty()) return failure(wrong);
    }
  }
  return "";
}

TEST_CASE("whatever happens, at rest every client has what it should (XDS C6, C8)",
          "[xds][random]") {
  // SIGNALBOX_SEEDS=FIRST-LAST runs others, SIGNALBOX_STEPS makes each longer.
  const char* const seeds = std::getenv("SIGNALBOX_SEEDS");
  const char* const steps = std::getenv("SIGNALBOX_STEPS");
  const std::pair<std::string, std::string> range =
      absl::StrSplit(seeds == nullptr ? "1-25" : seeds, '-');
  const int last = std::atoi(range.second.empty() ? range.first.c_str() : range.second.c_str());
  for (int seed = std::atoi(range.first.c_str()); seed <= last; ++seed) {
    const std::string wrong =
        Run(static_cast<unsigned>(seed), steps == nullptr ? 800 : std::atoi(steps));
    INFO(wrong);
    REQUIRE(wrong.empty());
  }
}

}  // namespace
}  // namespace signalbox::testing
