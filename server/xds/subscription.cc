#include "server/xds/subscription.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/xds/limits.h"

namespace signalbox {
namespace {

bool Contains(const std::vector<std::string>& sorted, const std::string& name) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

}  // namespace

Subscription::Subscription(const ResourceType* type, Removals removals, DiffCache* diffs)
    : type_(type), removals_(removals), diffs_(diffs) {}

void Subscription::SetInterest(bool wildcard, NameSetPtr names,
                               const std::vector<std::string>& resend) {
  active_ = true;
  const bool was_wildcard = std::exchange(wildcard_, wildcard);
  const NameSetPtr old_names = std::exchange(names_, std::move(names));
  const auto was_covered = [&](absl::string_view name) {
    return old_names->Contains(name) ||
           (old_names->has_collections() && old_names->Contains(CollectionOf(name)));
  };
  std::vector<Holding::Exception> fresh;
  if (names_ != old_names) {
    for (const std::string& name : names_->names()) {
      if (old_names->Contains(name)) continue;
      resend_.insert(name);
      if (!was_wildcard && !was_covered(name)) fresh.emplace_back(name, Held::Absent());
    }
    if (has_collections()) {
      // What is in new collections is new; what was looked at before for others only is not held.
      std::set<absl::string_view> seen(names_->names().begin(), names_->names().end());
      const auto look = [&](const FragmentPtr& fragment) {
        const std::string& name = fragment->name();
        const std::string collection = CollectionOf(name);
        if (!names_->Contains(collection) || old_names->Contains(collection)) return;
        if (!seen.insert(name).second) return;
        if (target_->Contains(name)) resend_.insert(name);
        if (!was_wildcard && !was_covered(name)) fresh.emplace_back(name, Held::Absent());
      };
      target_->ForEach(look);
      sent_.base()->ForEach(look);
      acked_.base()->ForEach(look);
    }
  }
  if (wildcard && !was_wildcard) {
    // Only the names asked for were looked after so far, and what is still on its way may bring
    // others.
    std::vector<Holding::Exception> under_way;
    std::set<std::string> seen(old_names->names().begin(), old_names->names().end());
    for (const InFlight& response : in_flight_) {
      for (const Change& change : response.changes) {
        if (seen.insert(change.name).second) under_way.emplace_back(change.name, Held::Absent());
      }
    }
    MarkUnderWay(&under_way);
    for (Holding* holding : {&sent_, &acked_}) {
      std::vector<Holding::Exception> known;
      for (const std::string& name : old_names->names()) {
        known.emplace_back(name, holding->Get(name));
      }
      if (old_names->has_collections()) {
        holding->base()->ForEach([&](const FragmentPtr& fragment) {
          const std::string& name = fragment->name();
          if (!old_names->Contains(name) && was_covered(name))
            known.emplace_back(name, holding->Get(name));
        });
      }
      Holding narrowed = holding->rest_unknown() ? Holding::Unknown() : Holding();
      narrowed.Set(std::move(known));
      *holding = std::move(narrowed);
    }
    sent_.Set(std::move(under_way));
    answer_due_ = true;
  } else if (!fresh.empty()) {
    if (!acked_.rest_unknown()) acked_.Set(fresh);
    // What is still on its way may bring a name that was dropped and is asked for again.
    MarkUnderWay(&fresh);
    if (!sent_.rest_unknown()) sent_.Set(std::move(fresh));
  }
  for (const std::string& name : resend) {
    if (Covers(name)) resend_.insert(name);
  }
  if (wildcard || (names_ == old_names && !was_wildcard)) return;
  const auto covers = [this](const std::string& name) { return Covers(name); };
  sent_.FilterExceptions(covers);
  acked_.FilterExceptions(covers);
  ForgetApplied();
  refusals_.Forget(covers);
  std::erase_if(owed_, [&](const std::string& name) { return !Covers(name); });
  for (auto it = resend_.begin(); it != resend_.end();)
    it = Covers(*it) ? std::next(it) : resend_.erase(it);
}

void Subscription::MarkUnderWay(std::vector<Holding::Exception>* names) const {
  if (in_flight_.empty()) return;
  std::map<absl::string_view, bool> brought;  // or taken away, by the newest that says anything
  for (const InFlight& response : in_flight_) {
    for (const Change& change : response.changes) brought[change.name] = change.fragment != nullptr;
  }
  const InFlight& newest = in_flight_.back();
  for (auto& [name, held] : *names) {
    const auto change = brought.find(name);
    const bool comes =
        newest.full != nullptr ? newest.Lists(name) : change != brought.end() && change->second;
    if (comes) held = Held::Unknown();
  }
}

void Subscription::Resend(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (Covers(name)) resend_.insert(name);
  }
}

void Subscription::ResendAll() {
  if (!wildcard_) resend_.insert(names_->names().begin(), names_->names().end());
  if (!wildcard_ && !has_collections()) return;
  target_->ForEach([this](const FragmentPtr& fragment) {
    if (Covers(fragment->name())) resend_.insert(fragment->name());
  });
}

void Subscription::AssumeHeld(std::vector<Holding::Exception> held) {
  for (const auto& [name, content] : held) resend_.erase(name);
  sent_.Set(held);
  acked_.Set(std::move(held));
}

void Subscription::AssumeUnknown() { sent_ = acked_ = Holding::Unknown(); }

void Subscription::AssumeSet(TypeSetPtr set) {
  sent_ = acked_ = Holding(std::move(set));
  answer_due_ = false;
  resend_.clear();
}

void Subscription::SetTarget(TypeSetPtr target, Revision revision) {
  target_ = std::move(target);
  revision_ = revision;
  refusals_.OnTarget(*target_);
}

bool Subscription::MayHavePending() const {
  if (!active_) return false;
  return answer_due_ || sent_.base() != target_ || !sent_.exceptions().empty() || !resend_.empty();
}

Subscription::Wanted Subscription::Want(absl::string_view name) const {
  const FragmentPtr* fragment = target_->FindPtr(name);
  if (fragment == nullptr) return {};
  if (const Refusal* refusal = refusals_.Find(name, (*fragment)->version())) {
    return {refusal->last_good, refusal->last_good == nullptr, refusal->may_hold};
  }
  return {*fragment};
}

bool Subscription::IsFilledCollection(const std::string& name) const {
  if (!has_collections() || !IsCollection(name)) return false;
  bool filled = false;
  target_->ForEach(
      [&](const FragmentPtr& fragment) { filled |= CollectionOf(fragment->name()) == name; });
  return filled;
}

Subscription::Pending Subscription::FindPending(Hold hold) const {
  Pending pending;
  pending.answer_due = answer_due_;
  if (!MayHavePending()) return pending;

  SnapshotDiffPtr diff;
  if (sent_.base() != target_) diff = diffs_->Between(sent_.base(), target_);
  std::vector<absl::string_view> names;
  const auto consider = [&](absl::string_view name) {
    if (Covers(name)) names.push_back(name);
  };
  if (diff != nullptr && !wildcard_ && !has_collections() &&
      names_->size() < diff->changes.size()) {
    names.assign(names_->names().begin(), names_->names().end());
  } else {
    if (diff != nullptr) {
      for (const SnapshotDiff::Change& change : diff->changes) consider(change.name());
    }
    for (const auto& [name, held] : sent_.exceptions()) consider(name);
    for (const std::string& name : resend_) consider(name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());

  for (const absl::string_view name_view : names) {
    const std::string name(name_view);
    const bool forced = resend_.contains(name);
    Held has = sent_.Get(name);
    Wanted want = Want(name);
    // That a collection is empty is told by its own name (XDS X2).
    if (forced && IsFilledCollection(name)) continue;
    if (want.left_out) {
      pending.unchanged.emplace_back(name, std::move(has));
      continue;
    }
    bool differs;
    if (want.fragment != nullptr) {
      differs = forced || !has.Is(want.fragment.get());
    } else if (removals_ == Removals::kNever) {
      continue;
    } else {
      differs = !has.absent() || (forced && removals_ == Removals::kTold);
    }
    if (!differs) {
      pending.unchanged.emplace_back(name, std::move(has));
      continue;
    }
    const bool withheld =
        want.fragment != nullptr && refusals_.Withheld(name, want.fragment->version());
    if (withheld || hold(name, want.fragment.get(), has)) {
      if (forced && want.fragment == nullptr && has.fragment() != nullptr) {
        // What stays for now is told again where that is asked for.
        pending.answer_due = true;
        pending.changes.push_back({name, has.fragment()});
        continue;
      }
      pending.kept_back.push_back(name);
      pending.unchanged.emplace_back(name, std::move(has));
      continue;
    }
    pending.answer_due |= forced;
    pending.changes.push_back({name, std::move(want.fragment)});
  }
  // Removals first: where a response is split, none that frees a listener's address comes after who
  // takes it (XDS O1).
  std::stable_partition(pending.changes.begin(), pending.changes.end(),
                        [](const Change& change) { return change.fragment == nullptr; });
  // An answer that would say nothing yet waits with what is kept back.
  if (pending.changes.empty() && !pending.kept_back.empty()) pending.answer_due = false;
  return pending;
}

TypeSetPtr Subscription::FullState(const Pending& pending) const {
  std::vector<TypeSetEdit> edits;
  const auto edit = [&](const std::string& name, const FragmentPtr& wanted) {
    const FragmentPtr* fragment = target_->FindPtr(name);
    if ((fragment == nullptr ? nullptr : *fragment) != wanted) edits.push_back({name, wanted});
  };
  for (const Change& change : pending.changes) edit(change.name, change.fragment);
  for (const auto& [name, has] : pending.unchanged) {
    const Wanted want = Want(name);
    if (!want.left_out && !Contains(pending.kept_back, name)) {
      edit(name, want.fragment);
      continue;
    }
    // It stays as the client has it. Where that is not known and it may have something, if only by
    // what is under way, leaving the name out would delete it, which is worse than sending what was
    // refused once more (XDS W8).
    const Held good = LastGood(name);
    const bool comes = !in_flight_.empty() && in_flight_.back().Lists(name);
    if (has.fragment() != nullptr) {
      edit(name, has.fragment());
    } else if (good.fragment() != nullptr) {
      edit(name, good.fragment());
    } else if ((!good.unknown() && !comes) || (want.left_out && !want.may_hold)) {
      edit(name, nullptr);
    }
  }
  return edits.empty() ? target_ : target_->With(std::move(edits));
}

void Subscription::MoveSent(const Pending& pending, size_t sent, TypeSetPtr base) {
  std::vector<Holding::Exception> exceptions = pending.unchanged;
  std::set<std::string, std::less<>> resend;
  for (size_t i = 0; i < pending.changes.size(); ++i) {
    const Change& change = pending.changes[i];
    if (i >= sent) {
      exceptions.emplace_back(change.name, sent_.Get(change.name));
      if (resend_.contains(change.name)) resend.insert(change.name);
    } else {
      exceptions.emplace_back(change.name, change.fragment == nullptr
                                               ? Held::Absent()
                                               : Held::Content(change.fragment));
    }
  }
  for (const std::string& name : pending.kept_back) {
    if (resend_.contains(name)) resend.insert(name);
  }
  // What is left out now is sent, or said to be gone, when that can be (XDS D4, D11).
  for (const std::string& name : resend_) {
    if (removals_ != Removals::kByAbsence && Want(name).left_out) resend.insert(name);
  }
  resend_ = std::move(resend);
  answer_due_ = false;
  Holding moved(std::move(base));
  moved.Set(std::move(exceptions));
  sent_ = std::move(moved);
}

void Subscription::AddInFlight(InFlight response) {
  for (const Change& change : response.changes) {
    if (change.fragment == nullptr) leaving_.insert(change.name);
  }
  in_flight_.push_back(std::move(response));
  if (in_flight_.size() <= limits::kMaxUnanswered) return;
  // The oldest stays: since when nothing was answered is told by it.
  const auto joined = in_flight_.begin() + 1;
  std::vector<Change>& later = joined[1].changes;
  std::set<absl::string_view> in_later;
  for (const Change& change : later) in_later.insert(change.name);
  std::vector<Change> earlier;
  for (Change& change : joined->changes) {
    if (!in_later.contains(change.name)) earlier.push_back(std::move(change));
  }
  later.insert(later.end(), std::make_move_iterator(earlier.begin()),
               std::make_move_iterator(earlier.end()));
  in_flight_.erase(joined);
}

void Subscription::OnSent(const std::string& nonce, const Pending& pending, size_t changes,
                          absl::Time now) {
  continuing_ = changes < pending.changes.size();
  for (size_t i = 0; i < changes; ++i) {
    if (resend_.contains(pending.changes[i].name)) owed_.insert(pending.changes[i].name);
  }
  MoveSent(pending, changes, target_);
  const auto begin = pending.changes.begin();
  AddInFlight(
      {nonce, {begin, begin + static_cast<ptrdiff_t>(changes)}, nullptr, nullptr, revision_, now});
}

void Subscription::OnSentFull(const std::string& nonce, const Pending& pending, TypeSetPtr full,
                              absl::Time now) {
  AddInFlight({nonce, pending.changes, full, wildcard_ ? nullptr : names_, revision_, now});
  MoveSent(pending, pending.changes.size(), std::move(full));
  // The message is the whole truth: what it carries is told again, what it does not carry the
  // client does not have any more.
  sent_ = Holding(sent_.base());
  resend_.clear();
}

void Subscription::OnNothingToTell(const Pending& pending) {
  const bool still_due = answer_due_ && !pending.kept_back.empty();
  MoveSent(pending, 0, target_);
  answer_due_ = still_due;
  continuing_ = false;
}

void Subscription::Retry() {
  last_error_.clear();
  std::vector<std::string> names = refusals_.Clear();
  // What differs from what the client has is sent anyway.
  std::erase_if(names, [this](const std::string& name) {
    const FragmentPtr* fragment = target_->FindPtr(name);
    return fragment == nullptr || !sent_.Get(name).Is(fragment->get());
  });
  Resend(names);
}

bool Subscription::refusing() const {
  if (refusals_.trying()) return true;
  return std::any_of(refusals_.refused().begin(), refusals_.refused().end(),
                     [this](const auto& refused) { return Covers(refused.first); });
}

void Subscription::OnOverrun(absl::Duration longest) {
  overrun_wait_ = std::min(2 * overrun_wait_, longest);
}

std::vector<Subscription::InFlight> Subscription::TakeSettled(const std::string& nonce,
                                                              absl::Time now, Settled* settled) {
  std::vector<InFlight> taken;
  const auto found =
      std::find_if(in_flight_.begin(), in_flight_.end(),
                   [&](const InFlight& response) { return response.nonce == nonce; });
  if (found == in_flight_.end()) return taken;
  settled->known = true;
  settled->revision = found->revision;
  settled->elapsed = now - found->sent_at;
  anything_settled_ = true;
  overrun_wait_ = first_overrun_wait_;
  taken.assign(std::make_move_iterator(in_flight_.begin()), std::make_move_iterator(found + 1));
  in_flight_.erase(in_flight_.begin(), found + 1);
  leaving_.clear();
  for (const InFlight& response : in_flight_) {
    for (const Change& change : response.changes) {
      if (change.fragment == nullptr) leaving_.insert(change.name);
    }
  }
  return taken;
}

Held Subscription::LastGood(absl::string_view name) const {
  const Held acked = acked_.Get(name);
  const auto applied = applied_.find(name);
  return acked.unknown() && applied != applied_.end() ? Held::Content(applied->second) : acked;
}

void Subscription::ForgetApplied() {
  std::erase_if(applied_, [this](const auto& entry) {
    return !Covers(entry.first) || !acked_.Get(entry.first).unknown();
  });
}

void Subscription::Restore(const std::vector<std::string>& guilty) {
  std::vector<Holding::Exception> restored;
  for (const std::string& name : guilty) {
    Held acked = acked_.Get(name);
    // Its removal is told by name, in case the client has something of it after all (XDS D3).
    const bool unsure = acked.absent() && removals_ == Removals::kTold;
    restored.emplace_back(name, unsure ? Held::Unknown() : std::move(acked));
  }
  sent_.Set(std::move(restored));
}

Holding Subscription::AckedBy(const InFlight& response) const {
  if (response.names == nullptr) return Holding(response.full);
  Holding acked;
  std::vector<Holding::Exception> exceptions;
  if (wildcard_) {
    // It was a response to names; of all others as much is known as before.
    acked = acked_;
    for (const std::string& name : response.names->names()) {
      const FragmentPtr* fragment = response.full->FindPtr(name);
      exceptions.emplace_back(name,
                              fragment == nullptr ? Held::Absent() : Held::Content(*fragment));
    }
  } else {
    acked = Holding(response.full);
    for (const std::string& name : names_->names()) {
      if (!response.names->Contains(name)) exceptions.emplace_back(name, acked_.Get(name));
    }
  }
  acked.Set(std::move(exceptions));
  return acked;
}

std::vector<std::string> Subscription::Acquit() {
  return refusals_.OnAck(
      [this](const std::string& name, const std::string& version) {
        const Held acked = acked_.Get(name);
        const Fragment* fragment = target_->Find(name);
        return fragment != nullptr && fragment->version() == version && acked.Is(fragment);
      },
      [this](const std::string& name) { return LastGood(name); });
}

Subscription::Settled Subscription::OnAck(const std::string& nonce, absl::Time now) {
  Settled settled;
  const std::vector<InFlight> taken = TakeSettled(nonce, now, &settled);
  if (!settled.known) return settled;
  if (taken.back().full != nullptr) {
    acked_ = AckedBy(taken.back());
    unsaid_.clear();
  } else if (in_flight_.empty() && !undecided_) {
    // Everything that was sent is acknowledged now, but for what was refused and is not sent again
    // yet.
    Holding acked = sent_;
    std::vector<Holding::Exception> unsent;
    for (const auto& [name, held] : sent_.exceptions()) {
      if (held.unknown()) unsent.emplace_back(name, acked_.Get(name));
    }
    acked.Set(std::move(unsent));
    acked_ = std::move(acked);
  } else {
    std::map<std::string, Held> last;
    for (const InFlight& response : taken) {
      for (const Change& change : response.changes) {
        if (!Covers(change.name)) continue;
        last.insert_or_assign(change.name, change.fragment == nullptr
                                               ? Held::Absent()
                                               : Held::Content(change.fragment));
      }
    }
    acked_.Set({last.begin(), last.end()});
  }
  for (const InFlight& response : taken) {
    for (const Change& change : response.changes) owed_.erase(change.name);
  }
  ForgetApplied();
  settled.refused = Acquit();
  Restore(settled.refused);
  return settled;
}

void Subscription::FindCarried(const std::vector<InFlight>& taken,
                               std::map<std::string, FragmentPtr>* carried,
                               std::set<std::string>* unanswered) const {
  const InFlight& refused = taken.back();
  if (refused.full != nullptr) {
    // A full state repeats what those before it brought, and removes what they removed.
    for (const InFlight& response : taken) {
      for (const Change& change : response.changes) {
        carried->insert_or_assign(change.name, nullptr);
      }
    }
    TypeSet::VisitDifferences(*acked_.base(), *refused.full,
                              [&](const FragmentPtr* before, const FragmentPtr* after) {
                                if (after == nullptr) carried->emplace((*before)->name(), nullptr);
                              });
    for (const auto& [name, held] : acked_.exceptions()) {
      if (!held.absent()) carried->emplace(name, nullptr);
    }
    refused.full->ForEach([&](const FragmentPtr& fragment) {
      const bool told = refused.names == nullptr || refused.names->Contains(fragment->name());
      if (told) carried->insert_or_assign(fragment->name(), fragment);
    });
    return;
  }
  for (const InFlight& response : taken) {
    for (const Change& change : response.changes) {
      if (&response == &refused) {
        carried->insert_or_assign(change.name, change.fragment);
      } else if (Covers(change.name)) {
        unanswered->insert(change.name);
      }
    }
  }
}

void Subscription::NoteUnanswered(const std::vector<InFlight>& taken,
                                  const std::map<std::string, FragmentPtr>& carried) {
  if (taken.size() < 2) return;
  std::map<std::string, FragmentPtr> brought;
  std::vector<Holding::Exception> unknown;
  if (taken.back().full != nullptr) {
    const bool named = std::any_of(carried.begin(), carried.end(), [&](const auto& entry) {
      return entry.second != nullptr && NamesAsCause(last_error_, entry.first);
    });
    for (const auto& [name, refused] : carried) {
      bool came = false;
      for (size_t i = taken.size() - 1; i > 0 && taken[i - 1].Lists(name); --i) {
        const FragmentPtr& fragment = *taken[i - 1].full->FindPtr(name);
        came = true;
        if (refused != nullptr && Held::Content(fragment).Is(refused.get())) continue;
        brought[name] = fragment;
        break;
      }
      // The same came before, and nobody says whether it is the cause.
      const bool same = came && !named && !brought.contains(name);
      if (same && Covers(name) && !acked_.Get(name).Is(refused.get()))
        unknown.emplace_back(name, Held::Unknown());
    }
  } else {
    for (auto response = taken.begin(); response + 1 != taken.end(); ++response) {
      for (const Change& change : response->changes) brought[change.name] = change.fragment;
    }
  }
  for (auto& [name, fragment] : brought) {
    if (fragment == nullptr || !Covers(name) || acked_.Get(name).Is(fragment.get())) continue;
    if (refusals_.Find(name, fragment->version()) != nullptr) continue;
    const auto refused = carried.find(name);
    if (refused != carried.end() && Held::Content(fragment).Is(refused->second.get())) continue;
    unknown.emplace_back(name, Held::Unknown());
    applied_.insert_or_assign(name, std::move(fragment));
  }
  acked_.Set(std::move(unknown));
}

std::vector<FragmentPtr> Subscription::OnceMore(const std::map<std::string, FragmentPtr>& carried,
                                                absl::string_view error) const {
  std::vector<FragmentPtr> fragments;
  const InFlight& newest = in_flight_.back();
  for (const auto& [name, fragment] : carried) {
    if (fragment == nullptr) continue;
    if (NamesAsCause(error, name)) return {};  // the rest was applied
    if (!newest.Lists(name) || acked_.Get(name).Is(fragment.get())) continue;
    if (Held::Content(fragment).Is(newest.full->Find(name))) fragments.push_back(fragment);
  }
  return fragments;
}

void Subscription::NoteApplied(const std::map<std::string, FragmentPtr>& carried,
                               absl::string_view error) {
  bool named = false;
  std::map<std::string, FragmentPtr> applied;
  for (const auto& [name, fragment] : carried) {
    const Held acked = acked_.Get(name);
    if (fragment != nullptr && NamesAsCause(error, name)) {
      named = true;
    } else if (Covers(name) && !acked.Is(fragment.get())) {
      applied.emplace(name, fragment != nullptr ? fragment : acked.fragment());
    }
  }
  if (!named) return;
  std::vector<Holding::Exception> unknown;
  for (auto& [name, fragment] : applied) {
    unknown.emplace_back(name, Held::Unknown());
    if (fragment != nullptr) applied_.insert_or_assign(name, std::move(fragment));
  }
  acked_.Set(std::move(unknown));
  ForgetApplied();
}

Subscription::Settled Subscription::OnNack(const std::string& nonce, absl::string_view error,
                                           absl::Time now) {
  Settled settled;
  const std::vector<InFlight> taken = TakeSettled(nonce, now, &settled);
  if (!settled.known) return settled;
  last_error_ = std::string(error);
  std::map<std::string, FragmentPtr> carried;
  std::set<std::string> unknown;
  FindCarried(taken, &carried, &unknown);
  NoteUnanswered(taken, carried);
  NoteApplied(carried, error);
  // A newer full state is on its way: the answer to that one says the rest.
  if (taken.back().full != nullptr && !in_flight_.empty()) {
    settled.once_more = OnceMore(carried, error);
    return settled;
  }

  // What a later response brings is judged by the answer to that one; what the client dropped, not
  // at all.
  std::set<std::string> superseded;
  for (const InFlight& response : in_flight_) {
    for (const Change& change : response.changes) superseded.insert(change.name);
  }
  for (const std::string& name : superseded) unknown.erase(name);
  const auto is_judged = [&](const std::string& name) {
    return Covers(name) && !superseded.contains(name);
  };
  std::vector<Refusals::Suspect> suspects;
  bool others_suspected = false;
  for (const auto& [name, fragment] : carried) {
    if (fragment == nullptr) continue;
    // What is acknowledged is known of what the client asks for only.
    if (Covers(name) && acked_.Get(name).Is(fragment.get())) continue;
    if (!is_judged(name)) {
      others_suspected = true;
      continue;
    }
    // A full state cannot be sent without what the client may have (XDS W8): if that is named as
    // the cause, the rest was applied and is not sent again.
    if (taken.back().full != nullptr && NamesAsCause(error, name)) {
      const Held good = LastGood(name);
      settled.rest_applied |= good.fragment() == nullptr && !good.absent();
    }
    if (refusals_.Find(name, fragment->version()) != nullptr) {
      // It was sent although it is refused, which explains this refusal.
      others_suspected = true;
      continue;
    }
    unknown.insert(name);
    if (refusals_.LoseLastGood(name, fragment->version())) {
      // What went in the place of what is refused is not good either.
      applied_.erase(name);
      others_suspected = true;
      continue;
    }
    const Held good = LastGood(name);
    const bool always_sent = taken.back().full != nullptr && !good.absent() &&
                             (good.fragment() == nullptr || good.Is(fragment.get()));
    suspects.push_back({name, fragment->version(), always_sent});
  }
  if (settled.rest_applied) {
    std::vector<Holding::Exception> applied;
    for (const auto& [name, fragment] : carried) {
      if (!is_judged(name) || NamesAsCause(error, name)) continue;
      applied.emplace_back(name, fragment == nullptr ? Held::Absent() : Held::Content(fragment));
      unknown.erase(name);
      if (fragment != nullptr) unsaid_.insert(name);
    }
    acked_.Set(std::move(applied));
    std::erase_if(suspects,
                  [&](const auto& suspect) { return !NamesAsCause(error, suspect.name); });
  } else if (suspects.empty() && !others_suspected) {
    // Sending the same again would be refused again.
    undecided_ = true;
  } else {
    // Maybe nothing of it was applied: not the removals either, nor what was asked for once more.
    // And of what the client had before, it does not say any more that it has it.
    std::vector<Holding::Exception> forgotten;
    for (const auto& [name, fragment] : carried) {
      if (!is_judged(name) || unknown.contains(name)) continue;
      if (fragment == nullptr) {
        unknown.insert(name);
      } else if (taken.back().full == nullptr) {
        unknown.insert(name);
        forgotten.emplace_back(name, Held::Unknown());
        applied_.insert_or_assign(name, fragment);
      }
    }
    acked_.Set(std::move(forgotten));
  }
  std::vector<Holding::Exception> marks;
  marks.reserve(unknown.size());
  for (const std::string& name : unknown) marks.emplace_back(name, Held::Unknown());
  sent_.Set(std::move(marks));
  // Where one of the others may be the cause, these are sent again and judged then, unless they are
  // named.
  const bool can_judge =
      !others_suspected || std::any_of(suspects.begin(), suspects.end(), [&](const auto& suspect) {
        return NamesAsCause(error, suspect.name);
      });
  if (can_judge) {
    settled.refused = refusals_.OnNack(std::move(suspects), error,
                                       [this](const std::string& name) { return LastGood(name); });
  }
  if (settled.rest_applied) {
    const std::vector<std::string> left = Acquit();
    settled.refused.insert(settled.refused.end(), left.begin(), left.end());
    ForgetApplied();
  }
  Restore(settled.refused);
  for (const auto& [name, fragment] : carried) {
    if (owed_.erase(name) > 0 && is_judged(name)) resend_.insert(name);
  }
  refusals_.OnTarget(*target_);
  return settled;
}

Subscription::Settled Subscription::OnUndecided(const std::string& nonce, absl::Time now) {
  Settled settled;
  const std::vector<InFlight> taken = TakeSettled(nonce, now, &settled);
  undecided_ |= settled.known;
  // Nothing will be said of what it carried: it is not on trial any more.
  std::set<std::string> names;
  for (const InFlight& response : taken) {
    for (const Change& change : response.changes) names.insert(change.name);
  }
  refusals_.Forget([&](const std::string& name) { return !names.contains(name); });
  return settled;
}

void Subscription::VisitHeld(absl::FunctionRef<void(const FragmentPtr& fragment)> visit) const {
  const auto consider = [&](const FragmentPtr& fragment) {
    if (Covers(fragment->name()) && sent_.Get(fragment->name()).Is(fragment.get())) visit(fragment);
  };
  acked_.base()->ForEach([&](const FragmentPtr& fragment) {
    if (!acked_.IsException(fragment->name())) consider(fragment);
  });
  for (const auto& [name, held] : acked_.exceptions()) {
    const FragmentPtr* wanted = target_->FindPtr(name);
    if (held.fragment() != nullptr) {
      consider(held.fragment());
    } else if (wanted != nullptr && held.Is(wanted->get())) {
      consider(*wanted);
    }
  }
}

Referrers Subscription::FindReferrers() const {
  Referrers referrers(target_.get());
  if (!active_) return referrers;
  // What was sent last may not have come yet, what was acknowledged last may be all that it has.
  for (const Holding* holding : {&sent_, &acked_}) {
    if (holding->rest_unknown()) referrers.AddUnknown();
    for (const auto& [name, held] : holding->exceptions()) {
      if (Covers(name)) referrers.Add(name, held);
    }
    referrers.AddSet(holding->base(), [this, holding](const std::string& name) {
      return Covers(name) && !holding->IsException(name);
    });
  }
  for (const InFlight& response : in_flight_) {
    for (const Change& change : response.changes) {
      if (change.fragment != nullptr && Covers(change.name))
        referrers.Add(change.name, Held::Content(change.fragment));
    }
    if (response.full != nullptr && response.full != sent_.base()) {
      referrers.AddSet(response.full, [this, &response](const std::string& name) {
        return Covers(name) && response.Lists(name);
      });
    }
  }
  return referrers;
}

std::vector<std::string> Subscription::Unsettled() const {
  std::set<std::string> names;
  for (const InFlight& response : in_flight_) {
    for (const Change& change : response.changes) names.insert(change.name);
  }
  // What it has beside what it refused, too: it cannot say that it has it.
  names.insert(unsaid_.begin(), unsaid_.end());
  for (const Holding* holding : {&sent_, &acked_}) {
    for (const auto& [name, held] : holding->exceptions()) {
      if (held.unknown()) names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace signalbox
