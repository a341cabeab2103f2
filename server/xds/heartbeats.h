#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/snapshot/fragment.h"
#include "server/types/resource_type.h"

namespace signalbox {

// When the client of one stream is to hear again of resources that it drops otherwise (XDS L1):
// after a third of their time to live, so that two heartbeats may be late. Pure; not synchronised;
// the caller gives the time.
class Heartbeats {
 public:
  // When to look at what the client has; InfiniteFuture for never.
  absl::Time next() const { return next_; }
  // Something may be due: the client has something new.
  void LookAt(absl::Time now) { next_ = std::min(next_, now); }

  // It was sent, with or without its body.
  void OnTold(const ResourceType& type, const Fragment& fragment, absl::Time now);

  // Begins a look at all that the client has; each of it goes to IsDue.
  void BeginLook() { next_ = absl::InfiniteFuture(); }
  // Whether it has to be told now. Of what the client was not told on this stream it has been
  // unknown for how long.
  bool IsDue(const ResourceType& type, const Fragment& fragment, absl::Time now);

  // What a heartbeat told, until it is answered.
  void OnSent(const std::string& nonce, const ResourceType& type, std::vector<std::string> names);
  // The answer to a nonce came: the names that it told, none for any other nonce.
  std::vector<std::string> TakeAnswered(const ResourceType& type, absl::string_view nonce);

  // The type's names that are not `held` are forgotten.
  template <typename Held>
  void Keep(const ResourceType& type, Held&& held) {
    std::erase_if(told_[&type], [&](const auto& told) { return !held(told.first); });
  }

 private:
  struct Unanswered {
    std::string nonce;
    const ResourceType* type;
    std::vector<std::string> names;
  };

  absl::Time next_ = absl::InfiniteFuture();
  std::map<const ResourceType*, std::map<std::string, absl::Time>> told_;  // by name, when last
  std::deque<Unanswered> unanswered_;
};

}  // namespace signalbox
