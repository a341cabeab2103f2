#include "tests/server/xds/model/channel.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace signalbox::testing {
namespace {

// The version of who has a part of what it accepted.
constexpr char kPart[] = "a part of what there was";

}  // namespace

void Channel::Violation(const std::string& text) const {
  connection_->Violation(absl::StrCat(row().name, "/", text));
}

std::vector<std::string> Channel::List() {
  std::vector<std::string> list(names_.begin(), names_.end());
  const bool may_be_silent = row().legacy_wildcard && names_.empty() && !named_;
  if (wildcard_ && (!may_be_silent || traits_.says_star)) list.push_back("*");
  named_ |= !list.empty();
  return list;
}

void Channel::Begin(bool anyway) {
  if (!connection_->up()) return;
  if (!wants() && (!anyway || !sotw() || row().legacy_wildcard)) return;
  named_ = false;
  answered_ = {};
  older_nonce_.clear();
  passed_over_.clear();
  awaited_ = names_;
  ++streams_;
  Ask ask;
  if (sotw()) {
    ask.names = List();
    ask.version = version_;
    presented_ = !version_.empty();
    // Who has all of it is told nothing (XDS W5).
    if (wildcard_ && presented_) awaited_.clear();
  } else {
    ask.subscribe = List();
    for (const std::string& name : recorded_) {
      const auto held = held_.find(name);
      if (held != held_.end()) ask.initial[name] = held->second.tag;
    }
    for (const auto& [name, tag] : ask.initial) awaited_.erase(name);
    for (const auto& [name, tag] : ask.initial) held_[name].daemon = connection_->daemon();
    presented_ = !ask.initial.empty();
  }
  connection_->Send(type_, ask);
}

void Channel::Want(bool wildcard, std::set<std::string> names, const std::set<std::string>& again,
                   const std::set<std::string>& idle, const std::string& nonce) {
  // Who never gave a name cannot say that it wants nothing (XDS W6).
  if (sotw() && wildcard_ && names.empty() && begun() && !named_) wildcard = true;
  Ask ask;
  for (const std::string& name : names) {
    if (!names_.contains(name) || (!sotw() && again.contains(name))) {
      ask.subscribe.push_back(name);
      if (!full_state() || !wildcard) awaited_.insert(name);
    }
  }
  for (const std::string& name : names_) {
    if (names.contains(name)) continue;
    ask.unsubscribe.push_back(name);
    if (!sotw() && wildcard) awaited_.insert(name);
  }
  for (const std::string& name : idle) {
    if (!names_.contains(name) && !names.contains(name)) ask.unsubscribe.push_back(name);
  }
  if (wildcard && !wildcard_) ask.subscribe.push_back("*");
  if (!wildcard && wildcard_) ask.unsubscribe.push_back("*");
  wildcard_ = wildcard;
  names_ = std::move(names);
  // It cannot say any more that it has what it accepted.
  const bool dropped =
      std::erase_if(held_, [&](const auto& held) { return !Covers(held.first); }) > 0;
  if (!wants()) {
    version_.clear();
  } else if (dropped && !version_.empty()) {
    version_ = kPart;
  }
  std::erase_if(recorded_, [&](const auto& name) { return !Covers(name); });
  std::erase_if(awaited_,
                [&](const auto& name) { return sotw() ? !names_.contains(name) : !Covers(name); });
  if (!connection_->up()) return;
  if (!begun()) {
    Begin();
    return;
  }
  if (sotw()) {
    ask = {};
    ask.names = List();
    ask.nonce = answered_.nonce;
    ask.version = answered_.version;
  } else {
    if (ask.subscribe.empty() && ask.unsubscribe.empty()) return;
    ask.nonce = nonce;
  }
  connection_->Send(type_, ask);
}

void Channel::Repeat(bool stale) {
  if (!begun() || !sotw() || answered_.nonce.empty()) return;
  Ask ask;
  ask.names = List();
  ask.nonce = stale && !older_nonce_.empty() ? older_nonce_ : answered_.nonce;
  ask.version = answered_.version;
  connection_->Send(type_, ask);
}

void Channel::Afresh() {
  if (!begun()) return;
  Ask ask;
  if (sotw()) {
    ask.names = List();
    ask.version = answered_.version;
    if (!answered_.nonce.empty()) awaited_ = names_;
  } else {
    if (names_.empty()) return;
    ask.nonce = "never-sent";
    ask.subscribe = {names_.begin(), names_.end()};
    for (const auto& [name, content] : held_) ask.initial[name] = content.tag;
    awaited_ = names_;
  }
  connection_->Send(type_, ask);
}

void Channel::Remove(const Received& received, const std::string& name) {
  const auto held = held_.find(name);
  if (held == held_.end()) return;
  // What came beside a refusal and no version tells, another daemon does not know.
  const bool unsaid = full_state() && !presented_ && held->second.daemon != connection_->daemon();
  if (received.Covers(name) && Covers(name) && !unsaid &&
      !scene_->world.WasAbsent(type_, name, held->second.revision, received.revision)) {
    Violation(absl::StrCat(name, " is taken away and was never gone: ", received.Text()));
  }
  held_.erase(held);
}

bool Channel::IsUnsaid(const std::string& name) const {
  const auto held = held_.find(name);
  return full_state() && presented_ && held != held_.end() && !held->second.accepted &&
         held->second.daemon != connection_->daemon();
}

void Channel::Apply(const Received& received, const std::string& name, const std::string& tag,
                    bool accepted) {
  const auto held = held_.find(name);
  const int64_t seen = scene_->world.LastSeen(type_, name, tag, received.revision);
  if (seen == 0) Violation(absl::StrCat(name, "=", tag, " is not what was ever published"));
  // What it acknowledged last may go in the place of what it has and is on trial (XDS W2).
  const auto acked = acked_.find(name);
  const bool good = full_state() && acked != acked_.end() && acked->second == tag;
  // What came last, with what was refused, may stay there while what is newer waits (XDS O1b).
  const auto passed_over = passed_over_.find(name);
  const bool stays = passed_over != passed_over_.end() && passed_over->second == tag;
  if (held != held_.end() && held->second.tag != tag && !good && !stays &&
      seen < scene_->world.LastSeen(type_, name, held->second.tag, received.revision)) {
    Violation(absl::StrCat(name, ": ", tag, " is older than the ", held->second.tag,
                           " that it has: ", received.Text()));
  }
  held_[name] = {tag, received.revision, connection_->daemon(), accepted};
}

Channel::Outcome Channel::Take(const Received& received) {
  const Message& message = received.message;
  Outcome outcome;
  std::vector<std::string> causes;
  bool nothing = false;
  for (const auto& [name, tag] : message.resources) {
    awaited_.erase(name);
    const Verdict verdict = VerdictOf(tag);
    if (verdict == Verdict::kGood) continue;
    causes.push_back(name);
    nothing |= traits_.judging == Judging::kAllOrNone ||
               (verdict == Verdict::kInvalid && traits_.judging == Judging::kByContent);
  }
  for (const std::string& name : message.removed) awaited_.erase(name);
  outcome.accepted = causes.empty();
  refused_ |= !causes.empty();
  Answer answer{message.nonce, "", {}, message.resources};
  if (nothing) {
    answer.error = "Proto constraint validation failed: Invalid duration";
    for (const auto& [name, tag] : message.resources) outcome.refused.push_back(name);
    if (full_state()) passed_over_ = message.resources;
  } else {
    if (!causes.empty()) {
      answer.error = absl::StrCat("Error adding/updating resource(s) ",
                                  absl::StrJoin(causes, ": it is bad, "), ": it is bad");
      outcome.refused = causes;
    }
    outcome.removed = message.removed;
    if (full_state()) {
      for (const auto& [name, content] : held_) {
        if (!message.resources.contains(name)) outcome.removed.push_back(name);
      }
    }
    for (const std::string& name : outcome.removed) {
      Remove(received, name);
      recorded_.erase(name);
    }
    for (const auto& [name, tag] : message.resources) {
      if (!Covers(name) || VerdictOf(tag) != Verdict::kGood) continue;
      outcome.applied.push_back(name);
      if (IsUnsaid(name)) outcome.unsaid.insert(name);
      Apply(received, name, tag, outcome.accepted);
      if (outcome.accepted || !traits_.forgets) {
        recorded_.insert(name);
      } else {
        recorded_.erase(name);
      }
    }
    passed_over_.clear();
    if (outcome.accepted) version_ = message.version;
  }
  answer.version = version_;
  // It passed over what it had dropped by then.
  if (outcome.accepted && full_state() && outcome.applied.size() < message.resources.size())
    version_ = kPart;
  unanswered_.push_back(std::move(answer));
  return outcome;
}

void Channel::AnswerOldest(bool neither) {
  if (unanswered_.empty()) return;
  Answer answer = std::move(unanswered_.front());
  unanswered_.pop_front();
  Ask ask;
  ask.nonce = answer.nonce;
  ask.error = answer.error;
  if (sotw()) {
    ask.names = List();
    ask.version = answer.version;
    if (neither && !ask.error.has_value()) ask.version = absl::StrCat("not ", answer.version);
  }
  if (!ask.error.has_value() && !neither) {
    for (const auto& [name, tag] : answer.resources) acked_[name] = tag;
  }
  if (answered_.nonce != answer.nonce) older_nonce_ = answered_.nonce;
  answered_ = std::move(answer);
  connection_->Send(type_, ask);
}

void Channel::AnswerNewest() {
  const bool tells_all =
      full_state() || std::all_of(unanswered_.begin(), unanswered_.end(),
                                  [](const Answer& answer) { return !answer.error.has_value(); });
  if (tells_all) {
    coalesced_ |= unanswered_.size() > 1;
    while (unanswered_.size() > 1) unanswered_.pop_front();
  }
  AnswerAll();
}

void Channel::OnClosed() { unanswered_.clear(); }

std::string Channel::Held(const std::string& name) const {
  const auto held = held_.find(name);
  return held == held_.end() ? "" : held->second.tag;
}

std::map<std::string, std::string> Channel::HeldAll() const {
  std::map<std::string, std::string> all;
  for (const auto& [name, content] : held_) all[name] = content.tag;
  return all;
}

void Channel::AtRest(std::vector<std::string>* wrong) const {
  if (!begun()) return;
  std::set<std::string> covered;
  int bad = 0;
  for (const auto& [name, tag] : scene_->world.Of(type_)) {
    if (!Covers(name)) continue;
    covered.insert(name);
    bad += VerdictOf(tag) != Verdict::kGood;
  }
  for (const auto& [name, content] : held_) covered.insert(name);
  // Where the cause is not told, and what it has from earlier streams (of its node), or from what
  // it did not answer, is not known so that nothing may be left out, nothing can be told it until
  // the cause is mended (XDS W8); nor where it answers no more while the cause is looked for.
  const bool not_known = full_state() && ((bad > 0 && came_back()) || (bad > 1 && coalesced_));
  const bool stuck = refused_ && (not_known || !unanswered_.empty());
  const auto add = [&](const std::string& name, absl::string_view text) {
    wrong->push_back(absl::StrCat(row().name, "/", name, ": ", text));
  };
  for (const std::string& name : covered) {
    const std::string& wanted = scene_->world.Now(type_, name);
    const std::string has = Held(name);
    if (IsUnsaid(name)) continue;
    if (wanted.empty()) {
      if (has.empty()) continue;
      // What it has and does not list is remembered as long as the daemon lives (XDS D3).
      if (!sotw() && held_.at(name).daemon != connection_->daemon()) continue;
      if (sotw() ? full_state() && !stuck : unanswered_.empty())
        add(name, absl::StrCat("has ", has, ", should be gone"));
    } else if (VerdictOf(wanted) == Verdict::kGood && has != wanted && !stuck) {
      add(name, absl::StrCat("has '", has, "', should have ", wanted));
    }
  }
  for (const std::string& name : awaited_) {
    const std::string& wanted = scene_->world.Now(type_, name);
    const bool is_told = wanted.empty() ? !sotw() : VerdictOf(wanted) == Verdict::kGood;
    if (is_told && !stuck) add(name, "was asked for and never told (W10, D2, D4)");
  }
}

}  // namespace signalbox::testing
