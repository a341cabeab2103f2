#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "server/xds/session.h"
#include "tests/server/xds/model/scene.h"

namespace signalbox::testing {

// The rules of one stream that have to do with time, order and refusals; what a single message may
// be and whether it repeats something is for ReadResponse and WireCheck. Knows what was said on the
// stream, and nothing of who says it:
//   - one unanswered response of a type, and a newer one after 2, 4, ... 30 s (ruling 1)
//   - clusters and endpoints wait for nothing else (ruling 1, O3, O4, S-16b), and the endpoints of
//     a changed cluster follow it (W13, D11)
//   - the order of types (O1)
//   - what was refused is not sent again (W2), but where leaving it out would delete it (W8)
//   - the first request for all is answered (W12, D9)
class StreamRules {
 public:
  StreamRules(Scene* scene, Variant variant) : scene_(scene), variant_(variant) {}

  void OnAsk(int type, const Ask& ask);
  // `held` says whether the client has something of that name.
  template <typename IsHeld>
  void OnComposed(const Received& received, IsHeld&& held) {
    CheckOutstanding(received);
    CheckOrder(received);
    for (const auto& [name, tag] : received.message.resources)
      CheckRefused(received, name, tag, held(received.type, name));
    Record(received);
  }
  // Nothing is being written.
  void OnIdle();
  // Everything is answered, and time has passed.
  void OnRest();

  bool Asked(int type) const { return states_[Index(type)].asked; }
  std::set<int> asked() const;
  bool wildcard(int type) const { return states_[Index(type)].wildcard; }
  const std::set<std::string>& names(int type) const { return states_[Index(type)].names; }

  // It follows another stream of the same client, which may have left it with something; what was
  // refused there stays refused where `remembered`.
  void Follow(StreamRules* earlier, bool remembered);
  // Another stream of its node may have left something.
  void AssumeCameBack() {
    for (State& state : states_) state.came_back = true;
  }

 private:
  struct Refused {
    std::string tag;
    int64_t revision;
  };
  struct State {
    bool asked = false;
    bool wildcard = false;
    bool named = false;
    std::set<std::string> names;
    bool presented = false;   // it said that it has something
    bool came_back = false;   // it asked for the type on an earlier stream
    bool known = true;        // what it has is known but for what `sent` says
    bool answer_due = false;  // it asked for all, or the full state, the first time
    std::map<std::string, std::string> sent;
    std::set<std::string> due;  // endpoints whose cluster was sent
    std::deque<Message> outstanding;
    absl::Time last_sent;
    absl::Duration wait = absl::Seconds(2);
    std::map<std::string, std::set<std::string>> acked;  // name -> tags
    std::map<std::string, std::string> nacked;  // name -> tag that came with a refusal since
    std::set<std::string> skipped;              // were in responses that a later answer settled
    std::map<std::string, std::string> presented_as;  // what it has if nothing is said to it (W5)
    std::map<std::string, Refused> refused;

    bool Covers(const std::string& name) const { return wildcard || names.contains(name); }
  };
  static size_t Index(int type) { return static_cast<size_t>(type); }

  void Settle(int type, State& state, const Ask& ask);
  void CheckOutstanding(const Received& received);
  void CheckOrder(const Received& received);
  void CheckRefused(const Received& received, const std::string& name, const std::string& tag,
                    bool held);
  void Record(const Received& received);
  // What should have been sent by now; "" for nothing.
  std::string Missing(int type) const;
  void Violation(const std::string& text);

  Scene* const scene_;
  const Variant variant_;
  std::array<State, kTypes.size()> states_;
};

// Whether an error names a resource as its cause, as Envoy writes it.
bool Names(absl::string_view error, const std::string& name);

}  // namespace signalbox::testing
