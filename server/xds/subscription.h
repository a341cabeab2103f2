#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/snapshot/snapshot_diff.h"
#include "server/snapshot/type_set.h"
#include "server/types/resource_type.h"
#include "server/types/xdstp.h"
#include "server/xds/holding.h"
#include "server/xds/name_set.h"
#include "server/xds/referrers.h"
#include "server/xds/refusals.h"
#include "storage/model/revision.h"

namespace signalbox {

// What one proxy wants of one type, what it has been sent and what it said of it. Knows neither
// variant's messages, nor the other types. Pure; not synchronised; the caller gives the time.
class Subscription {
 public:
  // Something to be sent under a name: a fragment, or null to take it away.
  struct Change {
    std::string name;
    FragmentPtr fragment;
  };

  // How this variant tells a client that a name is gone.
  enum class Removals {
    kTold,       // by name (delta)
    kByAbsence,  // by a full state that lacks it (SotW listeners and clusters)
    kNever,      // not at all (SotW, other types)
  };

  // What there is to send now.
  struct Pending {
    std::vector<Change> changes;         // removals, then the others, each sorted by name
    std::vector<std::string> kept_back;  // differ too, but wait for something (sorted)
    std::vector<Holding::Exception>
        unchanged;            // looked at and left as the client has them (sorted)
    bool answer_due = false;  // an answer is owed, even if there is nothing new to say

    bool empty() const { return changes.empty() && !answer_due; }
    // Nothing to send and nothing that waits.
    bool settled() const { return empty() && kept_back.empty(); }
  };

  // Whether a change has to wait: `wanted` (null: a removal) in place of `has`.
  using Hold =
      absl::FunctionRef<bool(const std::string& name, const Fragment* wanted, const Held& has)>;

  // How the answer to a response ended.
  struct Settled {
    bool known = false;                // the nonce was outstanding
    Revision revision;                 // that the response brought
    absl::Duration elapsed;            // since it was sent
    std::vector<std::string> refused;  // names found guilty by this answer
    bool rest_applied = false;         // it was refused, and what it carried besides is in use
    // It was a full state, refused as a whole, and the one under way brings this for the first time
    // once more.
    std::vector<FragmentPtr> once_more;
  };

  // Pointers must outlive this object.
  Subscription(const ResourceType* type, Removals removals, DiffCache* diffs);

  const ResourceType& type() const { return *type_; }

  // --- interest

  // Whether the client asked for this type at all, and is interested in something or was.
  bool active() const { return active_; }
  bool wildcard() const { return wildcard_; }
  const NameSet& names() const { return *names_; }
  // By name, by the wildcard, or (in delta) by a collection that the name is in.
  bool Covers(absl::string_view name) const {
    return wildcard_ || names_->Contains(name) ||
           (has_collections() && names_->Contains(CollectionOf(name)));
  }

  // Makes this the interest. Names that are new in `names`, and those of `resend`, are sent
  // whatever the client has (XDS W10, D2). A wildcard that is new is answered even if there is
  // nothing.
  void SetInterest(bool wildcard, NameSetPtr names, const std::vector<std::string>& resend);
  // The next response is sent even if there is nothing to say.
  void OweAnswer() { answer_due_ = true; }
  // Sends the names that are covered, whatever the client has.
  void Resend(const std::vector<std::string>& names);
  void ResendAll();

  // --- what the client has, as it says itself

  // The client has `held`, each name once. Only what differs from it is sent; before anything else
  // was.
  void AssumeHeld(std::vector<Holding::Exception> held);
  // The client may have anything.
  void AssumeUnknown();
  // The client has exactly `set`.
  void AssumeSet(TypeSetPtr set);

  // --- target

  // What the client should have, as of `revision`.
  void SetTarget(TypeSetPtr target, Revision revision);
  const TypeSet& target() const { return *target_; }
  const TypeSetPtr& target_ptr() const { return target_; }
  Revision revision() const { return revision_; }

  // --- sending

  // False only if there is certainly nothing to send. Costs nothing.
  bool MayHavePending() const;
  Pending FindPending(Hold hold) const;

  // What a response that lists the full state carries: the target, but for refused and kept-back
  // names, which stay as the client has them (XDS W2, W8).
  TypeSetPtr FullState(const Pending& pending) const;

  // A response was composed: it carries `changes`, a part of `pending` in its order.
  void OnSent(const std::string& nonce, const Pending& pending, size_t changes, absl::Time now);
  // A response with the full state `full` was composed.
  void OnSentFull(const std::string& nonce, const Pending& pending, TypeSetPtr full,
                  absl::Time now);
  // There was nothing to send: what this variant does not tell counts as told.
  void OnNothingToTell(const Pending& pending);

  // Whether responses are unanswered.
  bool outstanding() const { return !in_flight_.empty(); }
  // When the oldest unanswered response was sent. Only when outstanding().
  absl::Time outstanding_since() const { return in_flight_.front().sent_at; }
  // When a newer response may follow an unanswered one (XDS ruling 1).
  absl::Time overrun_at() const { return in_flight_.back().sent_at + overrun_wait_; }
  // A newer response follows an unanswered one: the next wait is longer, at most `longest`.
  void OnOverrun(absl::Duration longest);
  void set_first_overrun_wait(absl::Duration wait) { first_overrun_wait_ = overrun_wait_ = wait; }
  // Whether a response was split and its rest is to follow without waiting for an answer (XDS D13).
  bool continuing() const { return continuing_; }
  bool anything_settled() const { return anything_settled_; }

  // --- answers

  Settled OnAck(const std::string& nonce, absl::Time now);
  // `error` is what the client said.
  Settled OnNack(const std::string& nonce, absl::string_view error, absl::Time now);
  // The response was answered, but not with yes: what it carried stays unacknowledged.
  Settled OnUndecided(const std::string& nonce, absl::Time now);

  // What the client acknowledged last under a name.
  Held Acked(absl::string_view name) const { return acked_.Get(name); }
  // Whether a response that it did not answer yet takes it away.
  bool RemovalUnderWay(absl::string_view name) const { return leaving_.contains(name); }
  // Calls `visit` with all that it certainly has: acknowledged, and nothing else was sent in its
  // place.
  void VisitHeld(absl::FunctionRef<void(const FragmentPtr& fragment)> visit) const;
  // False only if none of it is dropped by a client that does not hear of it.
  bool MayHoldTtl() const { return acked_.base()->has_ttl() || !acked_.exceptions().empty(); }
  // What it was sent last, or said that it has.
  Held Sent(absl::string_view name) const { return sent_.Get(name); }
  const Holding& sent() const { return sent_; }
  Refusals& refusals() { return refusals_; }
  const Refusals& refusals() const { return refusals_; }
  // What the client refused is sent once more.
  void Retry();
  // Whether anything that the client is interested in is refused or on trial.
  bool refusing() const;
  // The newest error text; "" when nothing is refused.
  const std::string& last_error() const { return last_error_; }

  // Who of this type has to let go of others before those are taken away. Valid until this object
  // is changed.
  Referrers FindReferrers() const;

  // Names that were sent and neither acknowledged nor refused, or are used without any version that
  // tells it: what the client may have without saying so (XDS D3).
  std::vector<std::string> Unsettled() const;

 private:
  struct InFlight {
    std::string nonce;
    std::vector<Change> changes;
    TypeSetPtr full;   // the whole state that the response told; null where it told changes only
    NameSetPtr names;  // those of `full` that it carried; null for all
    Revision revision;
    absl::Time sent_at;

    // Whether it told a full state, and that name in it.
    bool Lists(absl::string_view name) const {
      return full != nullptr && full->Contains(name) && (names == nullptr || names->Contains(name));
    }
  };

  // What should go under a name: null with `left_out` when its content is refused and nothing good
  // is known; the client may have something then, or certainly has nothing.
  struct Wanted {
    FragmentPtr fragment;
    bool left_out = false;
    bool may_hold = false;
  };
  Wanted Want(absl::string_view name) const;
  // Collections are for delta only; in SotW their names are like any other.
  bool has_collections() const { return removals_ == Removals::kTold && names_->has_collections(); }
  // Whether a name stands for a collection in which there is something.
  bool IsFilledCollection(const std::string& name) const;
  // Takes the response and those before it from what is in flight, oldest first; none when the
  // nonce is not outstanding.
  std::vector<InFlight> TakeSettled(const std::string& nonce, absl::Time now, Settled* settled);
  // Takes note of a response that was composed; of too many the second oldest is joined to the one
  // after it.
  void AddInFlight(InFlight response);
  // What the client has is `base` now, but for what `pending` left unsent; the first `sent` changes
  // were sent.
  void MoveSent(const Pending& pending, size_t sent, TypeSetPtr base);
  // What the client has, as its acknowledgement of a full state says.
  Holding AckedBy(const InFlight& response) const;
  // What the refused one of `taken`, the last, carried, and what is to be sent again since others
  // were not answered.
  void FindCarried(const std::vector<InFlight>& taken, std::map<std::string, FragmentPtr>* carried,
                   std::set<std::string>* unanswered) const;
  // What the client has under a name that an unanswered response brings is not known.
  void MarkUnderWay(std::vector<Holding::Exception>* names) const;
  // What is on trial and acknowledged by now is innocent. Returns who is guilty because nobody else
  // is left.
  std::vector<std::string> Acquit();
  // What may go in the place of what is refused.
  Held LastGood(absl::string_view name) const;
  // Drops what `applied_` need not say any more.
  void ForgetApplied();
  // Of `taken` the last was refused and the others were not answered: the client may use by now
  // what they brought and the last, which `carried` these, did not (XDS W1): it is the best that is
  // known.
  void NoteUnanswered(const std::vector<InFlight>& taken,
                      const std::map<std::string, FragmentPtr>& carried);
  // Of what a full state `carried` that was refused with this text: what was not applied and comes
  // with the newest one under way.
  std::vector<FragmentPtr> OnceMore(const std::map<std::string, FragmentPtr>& carried,
                                    absl::string_view error) const;
  // What was `carried` was refused with this text. Where a cause is named the client applies the
  // rest: it may have by now what it never acknowledged, and what it applied is the best that is
  // known.
  void NoteApplied(const std::map<std::string, FragmentPtr>& carried, absl::string_view error);
  // Guilty resources are not at the client: it has what it acknowledged before, or something that
  // nobody knows.
  void Restore(const std::vector<std::string>& guilty);

  const ResourceType* const type_;
  const Removals removals_;
  DiffCache* const diffs_;

  bool active_ = false;
  bool wildcard_ = false;
  NameSetPtr names_ = NameSet::Empty();
  bool answer_due_ = false;
  std::set<std::string, std::less<>> resend_;  // sent whatever the client has

  // Of these, what was sent and is not acknowledged: where it is refused, what goes in its place is
  // sent whatever the client has, too.
  std::set<std::string, std::less<>> owed_;

  TypeSetPtr target_ = TypeSet::Empty();
  Revision revision_;

  Holding sent_;
  Holding acked_;
  // What came with refused responses that named others as the cause; `acked_` says unknown for
  // these names.
  std::map<std::string, FragmentPtr, std::less<>> applied_;
  // What came with a refused full state and is in use; no version that the client accepted has it.
  std::set<std::string> unsaid_;
  std::deque<InFlight> in_flight_;
  std::set<std::string, std::less<>> leaving_;  // what `in_flight_` takes away
  bool continuing_ = false;
  bool anything_settled_ = false;
  // Whether something was settled without being acknowledged and is not sent again, so that what is
  // acknowledged has to be kept name by name. (Of a full state it is known as a whole.)
  bool undecided_ = false;
  absl::Duration first_overrun_wait_;
  absl::Duration overrun_wait_;
  Refusals refusals_;
  std::string last_error_;
};

}  // namespace signalbox
