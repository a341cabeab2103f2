#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "server/xds/session.h"

namespace signalbox {

// The state-of-the-world variant (XDS section 1.3). Requests and responses are
// envoy.service.discovery.v3.Discovery*.
class SotwSession : public Session {
 public:
  // `context` must outlive this object. `stream_id` makes nonces unique among streams.
  SotwSession(const SessionContext* context, std::string stream_id);

  absl::Status OnRequest(absl::string_view bytes, absl::Time now) override;

 protected:
  std::optional<Response> Compose(Subscription& subscription, const Subscription::Pending& pending,
                                  absl::Time now) override;
  void OnRetry() override;

 private:
  struct TypeState {
    // The client gave a name once: an empty list is no wildcard any more (XDS W6).
    bool named = false;
    // What it said to have in its first request (XDS W5); "" once that is answered.
    std::string presented_version;
    // Of full states that it refused for one target, since it accepted one or applied the rest of
    // one.
    std::deque<std::string> refused_versions;
    std::string refused_for;  // the target's version
    // Of unanswered responses, by nonce, oldest first.
    std::deque<std::pair<std::string, std::string>> versions;
  };

  // The version that went out with a nonce; forgets it and those before it. "" for one that is not
  // outstanding.
  static std::string TakeVersion(TypeState& state, const std::string& nonce);

  std::vector<TypeState> types_;  // by ResourceType::index()
};

}  // namespace signalbox
