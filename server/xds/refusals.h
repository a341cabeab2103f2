#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "server/snapshot/type_set.h"
#include "server/xds/holding.h"

namespace signalbox {

// A resource that a proxy refused, at the content that it refused.
struct Refusal {
  std::string name;
  std::string version;    // what was refused
  FragmentPtr last_good;  // what goes in its place; null when nothing is known to be good
  std::string error;      // what the proxy said
  bool may_hold = false;  // without `last_good`: the proxy may still have something of that name
};

// Which resources of one type a client refused, and how the guilty ones are found among several
// (XDS W2, D8). Pure; not synchronised.
//
// A name that the client's text gives, or a single suspect, is guilty and is not sent again until
// its content changes. Several suspects of whom none is named are tried in halves: one group at a
// time is sent, the others are withheld.
class Refusals {
 public:
  struct Suspect {
    std::string name;
    std::string version;
    bool always_sent = false;  // cannot be withheld: the client may have something of that name,
                               // and nothing else is known that could go in its place (XDS W8)
  };

  // A response with these suspects (resources whose content the client has not acknowledged; sorted
  // by name) was refused. Returns the names that are found guilty by it; `last_good` says what the
  // client acknowledged before, as Held.
  template <typename LastGood>
  std::vector<std::string> OnNack(std::vector<Suspect> suspects, absl::string_view error,
                                  LastGood&& last_good) {
    return Convict(Accuse(std::move(suspects), error), error, last_good);
  }

  // Responses were acknowledged: whoever is on trial and is now known good, as `acked(name,
  // version)` says, is innocent. Returns the names that are found guilty because they are all that
  // is left.
  template <typename Acked, typename LastGood>
  std::vector<std::string> OnAck(Acked&& acked, LastGood&& last_good) {
    if (groups_.empty()) return {};
    std::vector<Suspect> innocent;
    for (const Group& group : groups_) {
      for (const Suspect& suspect : group.suspects) {
        if (acked(suspect.name, suspect.version)) innocent.push_back(suspect);
      }
    }
    std::sort(innocent.begin(), innocent.end(),
              [](const Suspect& a, const Suspect& b) { return a.name < b.name; });
    return Convict(Acquit(innocent), trial_error_, last_good);
  }

  // The target is another one now: what was refused or is on trial at other content than the
  // target's is no longer so.
  void OnTarget(const TypeSet& target);
  // Ends the trial of what the client is no longer interested in. What was refused stays so: the
  // same content is not sent when the client asks for the name again.
  template <typename Covers>
  void Forget(Covers&& covers) {
    FilterTrial([&](const std::string& name, const std::string&) { return covers(name); });
  }

  // A refusal that an earlier stream of the same node met.
  void Remember(Refusal refusal) { refused_.insert_or_assign(refusal.name, std::move(refusal)); }

  // Nothing is refused or on trial any more. Returns what was refused, by name.
  std::vector<std::string> Clear();

  bool changed() const { return !changed_.empty(); }
  // The names that were found guilty or are not refused any more since the last call, each with the
  // version of it that was refused before ("" for none).
  std::map<std::string, std::string> TakeChanged() { return std::exchange(changed_, {}); }

  // This content was refused too: if it is what goes in the place of something refused, that has no
  // last good content any more. Returns whether it is.
  bool LoseLastGood(absl::string_view name, absl::string_view version);

  // The refusal of exactly this content; null when it is not refused.
  const Refusal* Find(absl::string_view name, absl::string_view version) const;
  // Whether this content waits for its turn to be tried.
  bool Withheld(absl::string_view name, absl::string_view version) const;

  bool trying() const { return !groups_.empty(); }
  bool empty() const { return refused_.empty() && groups_.empty(); }
  // By name.
  const std::map<std::string, Refusal, std::less<>>& refused() const { return refused_; }

 private:
  struct Group {
    std::vector<Suspect> suspects;  // sorted by name
    // The guilty are among these if those of the group before turn out innocent.
    bool guilty_if_previous_innocent = false;
  };

  // Sorts suspects into guilty (returned) and groups to be tried.
  std::vector<Suspect> Accuse(std::vector<Suspect> suspects, absl::string_view error);
  // Takes the innocent from all groups; returns who is guilty because nobody else is left.
  std::vector<Suspect> Acquit(const std::vector<Suspect>& innocent);
  static std::pair<Group, Group> Halves(std::vector<Suspect> suspects);
  // Keeps only what `keep(name, version)` wants kept.
  using Keep = absl::FunctionRef<bool(const std::string& name, const std::string& version)>;
  void FilterRefused(Keep keep);
  void FilterTrial(Keep keep);
  // What is refused under the name is about to change.
  void NoteChanged(const std::string& name);

  template <typename LastGood>
  std::vector<std::string> Convict(std::vector<Suspect> guilty, absl::string_view error,
                                   LastGood& last_good) {
    std::vector<std::string> names;
    for (Suspect& suspect : guilty) {
      names.push_back(suspect.name);
      const Held before = last_good(suspect.name);
      const bool may_hold = before.fragment() == nullptr && !before.absent();
      Refusal refusal{suspect.name, std::move(suspect.version), before.fragment(),
                      std::string(error), may_hold};
      NoteChanged(refusal.name);
      Remember(std::move(refusal));
    }
    return names;
  }

  std::map<std::string, Refusal, std::less<>> refused_;
  std::map<std::string, std::string> changed_;  // name -> the version refused before
  std::deque<Group> groups_;                    // the first one is being tried
  std::string trial_error_;                     // what the client said when the trial began
};

// Whether `text` names `name` as the cause: the whole name followed by ": ", as Envoy writes it.
bool NamesAsCause(absl::string_view text, absl::string_view name);

}  // namespace signalbox
