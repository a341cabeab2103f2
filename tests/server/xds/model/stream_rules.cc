#include "tests/server/xds/model/stream_rules.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace signalbox::testing {

bool Names(absl::string_view error, const std::string& name) {
  return absl::StrContains(error, absl::StrCat(" ", name, ": "));
}

void StreamRules::Violation(const std::string& text) { scene_->violations.push_back(text); }

std::set<int> StreamRules::asked() const {
  std::set<int> types;
  for (size_t i = 0; i < states_.size(); ++i) {
    if (states_[i].asked) types.insert(static_cast<int>(i));
  }
  return types;
}

void StreamRules::Follow(StreamRules* earlier, bool remembered) {
  for (size_t i = 0; i < states_.size(); ++i) {
    State& before = earlier->states_[i];
    states_[i].came_back = before.asked || before.came_back;
    if (remembered) states_[i].refused = std::move(before.refused);
  }
}

void StreamRules::Settle(int type, State& state, const Ask& ask) {
  const auto found =
      std::find_if(state.outstanding.begin(), state.outstanding.end(),
                   [&](const Message& message) { return message.nonce == ask.nonce; });
  if (found == state.outstanding.end()) return;
  const std::vector<Message> settled(state.outstanding.begin(), found + 1);
  const Message& message = settled.back();
  for (auto earlier = state.outstanding.begin(); earlier != found; ++earlier) {
    for (const auto& [name, tag] : earlier->resources) state.skipped.insert(name);
  }
  state.outstanding.erase(state.outstanding.begin(), found + 1);
  state.wait = absl::Seconds(2);
  if (!ask.error.has_value()) {
    if (variant_ == Variant::kSotw && ask.version != message.version) return;
    // With it those before it that were parts; a full state takes their place.
    const bool full_state = variant_ == Variant::kSotw && kTypes[Index(type)].full_state;
    for (size_t i = full_state ? settled.size() - 1 : 0; i < settled.size(); ++i) {
      const Message& its = settled[i];
      std::erase_if(state.acked, [&](const auto& acked) {
        return full_state ? !its.resources.contains(acked.first)
                          : std::count(its.removed.begin(), its.removed.end(), acked.first) > 0;
      });
      for (const auto& [name, tag] : its.resources) {
        state.acked[name] = {tag};
        state.nacked.erase(name);
      }
    }
    return;
  }
  // What is under way by now was composed before this was known.
  std::set<std::string> under_way;
  for (const Message& later : state.outstanding) {
    if (variant_ == Variant::kSotw && kTypes[Index(type)].full_state) return;
    for (const auto& [name, tag] : later.resources) under_way.insert(name);
    under_way.insert(later.removed.begin(), later.removed.end());
  }
  std::set<std::string> guilty, suspects;
  // Of parts, what comes with others may be tried with them again.
  const bool whole = variant_ == Variant::kSotw && kTypes[Index(type)].full_state;
  bool sure = whole || message.resources.size() == 1;
  for (const auto& [name, tag] : message.resources) {
    sure &= state.Covers(name);
    const auto refused = state.refused.find(name);
    sure &= refused == state.refused.end() || refused->second.tag != tag;
    // What was good once and came with something refused may be tried with the others.
    const auto before = state.nacked.find(name);
    const bool again = before != state.nacked.end() && before->second == tag;
    if (again || !state.acked[name].contains(tag)) suspects.insert(name);
    if (Names(*ask.error, name) && state.Covers(name)) guilty.insert(name);
  }
  if (guilty.empty() && sure && suspects.size() == 1) guilty = suspects;
  for (const auto& [name, tag] : message.resources) state.nacked[name] = tag;
  for (const std::string& name : guilty) {
    if (under_way.contains(name)) continue;
    const std::string& tag = message.resources.at(name);
    // It has what it acknowledged before.
    if (!state.acked[name].empty()) state.sent[name] = *state.acked[name].begin();
    if (scene_->world.Now(type, name) == tag) state.refused[name] = {tag, scene_->world.revision()};
  }
}

void StreamRules::OnAsk(int type, const Ask& ask) {
  State& state = states_[Index(type)];
  const TypeRow& row = kTypes[Index(type)];
  const bool first = !std::exchange(state.asked, true);
  if (!ask.nonce.empty()) Settle(type, state, ask);
  const bool was_wildcard = state.wildcard;
  if (variant_ == Variant::kSotw) {
    state.named |= !ask.names.empty();
    state.names = {ask.names.begin(), ask.names.end()};
    state.wildcard = state.names.erase("*") > 0 || (!state.named && row.legacy_wildcard);
    if (first) {
      state.presented = !ask.version.empty();
      state.known = !state.presented || !row.full_state;
      state.answer_due = row.full_state && !state.presented;
      if (!state.known) state.presented_as = scene_->world.Of(type);
    }
  } else {
    for (const std::string& name : ask.unsubscribe) state.names.erase(name);
    if (std::count(ask.unsubscribe.begin(), ask.unsubscribe.end(), "*") > 0) state.wildcard = false;
    if (first && ask.subscribe.empty()) state.wildcard = row.legacy_wildcard;
    for (const std::string& name : ask.subscribe) {
      if (name == "*") {
        state.wildcard = true;
      } else {
        state.names.insert(name);
      }
    }
    if (first) {
      state.sent = ask.initial;
      for (const auto& [name, tag] : ask.initial) state.acked[name] = {tag};
      state.presented = !ask.initial.empty();
    }
    if (state.wildcard && !was_wildcard) state.answer_due = true;
  }
  const auto dropped = [&](const auto& entry) { return !state.Covers(entry.first); };
  std::erase_if(state.sent, dropped);
  std::erase_if(state.acked, dropped);
  std::erase_if(state.nacked, dropped);
  std::erase_if(state.due, [&](const std::string& name) { return !state.Covers(name); });
}

void StreamRules::CheckOutstanding(const Received& received) {
  State& state = states_[Index(received.type)];
  if (!state.outstanding.empty()) {
    if (received.at - state.last_sent < state.wait) {
      Violation(absl::StrCat(received.Text(), ": after ",
                             absl::FormatDuration(received.at - state.last_sent),
                             " while one is unanswered (ruling 1)"));
    }
    state.wait = std::min(2 * state.wait, absl::Seconds(30));
  }
  state.last_sent = received.at;
}

std::string StreamRules::Missing(int type) const {
  const State& state = states_[Index(type)];
  const char* const type_name = kTypes[Index(type)].name;
  if (!state.asked || !state.outstanding.empty()) return "";
  if (!state.known) return "";
  const World::Resources& now = scene_->world.Of(type);
  for (const auto& [name, tag] : now) {
    // Where something is refused, others may be on trial.
    if (state.Covers(name) && VerdictOf(tag) != Verdict::kGood) return "";
  }
  for (const auto& [name, tag] : now) {
    if (!state.Covers(name)) continue;
    const auto sent = state.sent.find(name);
    const auto nacked = state.nacked.find(name);
    const auto acked = state.acked.find(name);
    const auto presented = state.presented_as.find(name);
    const bool had = (acked != state.acked.end() && acked->second.contains(tag)) ||
                     (presented != state.presented_as.end() && presented->second == tag);
    // What it refused is not there, but what it had before.
    if (had && sent != state.sent.end() && nacked != state.nacked.end() &&
        nacked->second == sent->second) {
      continue;
    }
    if (sent == state.sent.end() || sent->second != tag || state.due.contains(name))
      return absl::StrCat(type_name, "/", name, "=", tag);
  }
  return "";
}

void StreamRules::CheckOrder(const Received& received) {
  for (const int before : {kCluster, kEndpoints}) {
    if (before >= received.type) continue;
    const std::string missing = Missing(before);
    if (!missing.empty())
      Violation(absl::StrCat(received.Text(), ": ", missing, " should go first (O1)"));
  }
}

void StreamRules::CheckRefused(const Received& received, const std::string& name,
                               const std::string& tag, bool held) {
  State& state = states_[Index(received.type)];
  const auto found = state.refused.find(name);
  if (found == state.refused.end() || found->second.tag != tag) return;
  for (int64_t r = found->second.revision; r <= received.revision; ++r) {
    if (scene_->world.At(r, received.type, name) == tag) continue;
    state.refused.erase(found);
    return;
  }
  const bool full_state = variant_ == Variant::kSotw && kTypes[Index(received.type)].full_state;
  const auto acked = state.acked.find(name);
  const bool good_known = acked != state.acked.end() && !acked->second.empty();
  const bool may_hold = held || state.presented || state.came_back || state.skipped.contains(name);
  if (full_state && ((!good_known && may_hold) || state.skipped.contains(name))) return;
  Violation(absl::StrCat(received.Text(), ": ", name, "=", tag, " was refused before (W2)"));
}

void StreamRules::Record(const Received& received) {
  State& state = states_[Index(received.type)];
  const Message& message = received.message;
  // Of the first one after it came back nobody knows what it changes.
  if (received.type == kCluster && state.known) {
    State& endpoints = states_[kEndpoints];
    for (const auto& [name, tag] : message.resources) {
      const auto sent = state.sent.find(name);
      const bool changed = sent == state.sent.end() || sent->second != tag;
      // What goes in the place of something else, or of what was refused, may be there all the
      // time.
      if (scene_->world.At(received.revision, kCluster, name) != tag) continue;
      if (state.nacked.contains(name)) continue;
      const bool is_eds =
          message.endpoints_of.contains(name) && !message.endpoints_of.at(name).empty();
      if (changed && is_eds && endpoints.asked && endpoints.Covers(name))
        endpoints.due.insert(name);
    }
  }
  if (variant_ == Variant::kSotw && kTypes[Index(received.type)].full_state) state.sent.clear();
  for (const auto& [name, tag] : message.resources) {
    state.sent[name] = tag;
    state.due.erase(name);
  }
  for (const std::string& name : message.removed) state.sent.erase(name);
  state.answer_due = false;
  state.known = true;
  state.outstanding.push_back(message);
}

void StreamRules::OnRest() {
  for (size_t i = 0; i < states_.size(); ++i) {
    if (states_[i].answer_due && states_[i].outstanding.empty())
      Violation(
          absl::StrCat("the first request of ", kTypes[i].name, " is not answered (W12, D9)"));
  }
}

void StreamRules::OnIdle() {
  for (const int type : {kCluster, kEndpoints}) {
    const std::string missing = Missing(type);
    if (!missing.empty()) Violation(absl::StrCat(missing, " should have been sent by now"));
  }
}

}  // namespace signalbox::testing
