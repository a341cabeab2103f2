#include "server/xds/refusals.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace signalbox {
namespace {

// The suspect of that name in `sorted`; null when there is none.
const Refusals::Suspect* FindSuspect(const std::vector<Refusals::Suspect>& sorted,
                                     absl::string_view name) {
  const auto found =
      std::lower_bound(sorted.begin(), sorted.end(), name,
                       [](const Refusals::Suspect& a, absl::string_view b) { return a.name < b; });
  return found != sorted.end() && found->name == name ? &*found : nullptr;
}

}  // namespace

bool NamesAsCause(absl::string_view text, absl::string_view name) {
  if (name.empty()) return false;
  const std::string wanted = absl::StrCat(name, ": ");
  for (size_t at = text.find(wanted); at != absl::string_view::npos;
       at = text.find(wanted, at + 1)) {
    // The whole name: what stands before it separates words.
    if (at == 0 || absl::ascii_isspace(static_cast<unsigned char>(text[at - 1])) ||
        text[at - 1] == ',' || text[at - 1] == '(' || text[at - 1] == '\'' || text[at - 1] == '"') {
      return true;
    }
  }
  return false;
}

void Refusals::FilterRefused(Keep keep) {
  for (auto it = refused_.begin(); it != refused_.end();) {
    if (keep(it->first, it->second.version)) {
      ++it;
      continue;
    }
    NoteChanged(it->first);
    it = refused_.erase(it);
  }
}

void Refusals::NoteChanged(const std::string& name) {
  const auto known = refused_.find(name);
  // The version that was there at the last call is the one that others know.
  changed_.try_emplace(name, known == refused_.end() ? "" : known->second.version);
}

std::vector<std::string> Refusals::Clear() {
  std::vector<std::string> names;
  for (const auto& [name, refusal] : refused_) names.push_back(name);
  for (const std::string& name : names) NoteChanged(name);
  refused_.clear();
  groups_.clear();
  return names;
}

void Refusals::FilterTrial(Keep keep) {
  bool previous_changed = false;
  for (auto group = groups_.begin(); group != groups_.end();) {
    const size_t before = group->suspects.size();
    group->suspects.erase(std::remove_if(group->suspects.begin(), group->suspects.end(),
                                         [&](const Suspect& suspect) {
                                           return !keep(suspect.name, suspect.version);
                                         }),
                          group->suspects.end());
    // Nothing follows from the innocence of a group that lost a suspect otherwise, nor for one that
    // lost its own.
    const bool changed = group->suspects.size() != before;
    if (previous_changed || changed) group->guilty_if_previous_innocent = false;
    previous_changed = changed;
    group = group->suspects.empty() ? groups_.erase(group) : std::next(group);
  }
}

void Refusals::OnTarget(const TypeSet& target) {
  if (empty()) return;
  const auto is_target = [&](const std::string& name, const std::string& version) {
    const Fragment* fragment = target.Find(name);
    return fragment != nullptr && fragment->version() == version;
  };
  FilterRefused(is_target);
  FilterTrial(is_target);
}

bool Refusals::LoseLastGood(absl::string_view name, absl::string_view version) {
  const auto found = refused_.find(name);
  if (found == refused_.end() || found->second.last_good == nullptr) return false;
  if (found->second.last_good->version() != version) return false;
  NoteChanged(found->first);
  found->second.last_good = nullptr;
  found->second.may_hold = true;
  return true;
}

const Refusal* Refusals::Find(absl::string_view name, absl::string_view version) const {
  const auto found = refused_.find(name);
  return found != refused_.end() && found->second.version == version ? &found->second : nullptr;
}

bool Refusals::Withheld(absl::string_view name, absl::string_view version) const {
  for (size_t i = 1; i < groups_.size(); ++i) {
    const Suspect* suspect = FindSuspect(groups_[i].suspects, name);
    if (suspect != nullptr && suspect->version == version) return true;
  }
  return false;
}

std::pair<Refusals::Group, Refusals::Group> Refusals::Halves(std::vector<Suspect> suspects) {
  const auto stays = [](const Suspect& suspect) { return suspect.always_sent; };
  auto middle = suspects.begin() + static_cast<ptrdiff_t>(suspects.size() / 2);
  if (std::all_of(middle, suspects.end(), stays)) {
    // The first half would not come without the second: what cannot be withheld goes alone.
    const auto rest = std::stable_partition(suspects.begin(), suspects.end(), stays);
    if (rest != suspects.begin() && rest != suspects.end()) middle = rest;
  }
  Group second{{std::make_move_iterator(middle), std::make_move_iterator(suspects.end())}, true};
  suspects.erase(middle, suspects.end());
  return {Group{std::move(suspects), false}, std::move(second)};
}

std::vector<Refusals::Suspect> Refusals::Accuse(std::vector<Suspect> suspects,
                                                absl::string_view error) {
  // Whoever is accused anew is tried anew.
  const auto not_accused = [&](const std::string& name, const std::string&) {
    return FindSuspect(suspects, name) == nullptr;
  };
  FilterRefused(not_accused);
  FilterTrial(not_accused);
  if (!groups_.empty()) groups_.front().guilty_if_previous_innocent = false;

  std::vector<Suspect> named;
  for (const Suspect& suspect : suspects) {
    if (NamesAsCause(error, suspect.name)) named.push_back(suspect);
  }
  if (!named.empty()) return named;
  if (suspects.size() <= 1) return suspects;
  trial_error_ = std::string(error);
  auto [first, second] = Halves(std::move(suspects));
  groups_.push_front(std::move(second));
  groups_.push_front(std::move(first));
  return {};
}

std::vector<Refusals::Suspect> Refusals::Acquit(const std::vector<Suspect>& innocent) {
  std::vector<Suspect> guilty;
  for (auto group = groups_.begin(); group != groups_.end();) {
    std::vector<Suspect>& suspects = group->suspects;
    suspects.erase(
        std::remove_if(suspects.begin(), suspects.end(),
                       [&](const Suspect& s) { return FindSuspect(innocent, s.name) != nullptr; }),
        suspects.end());
    if (!suspects.empty()) {
      ++group;
      continue;
    }
    group = groups_.erase(group);
    if (group == groups_.end() || !group->guilty_if_previous_innocent) continue;
    // The refusal was of both groups and the other one is innocent.
    std::vector<Suspect> rest = std::move(group->suspects);
    group = groups_.erase(group);
    rest.erase(
        std::remove_if(rest.begin(), rest.end(),
                       [&](const Suspect& s) { return FindSuspect(innocent, s.name) != nullptr; }),
        rest.end());
    if (rest.size() == 1) {
      guilty.push_back(std::move(rest.front()));
    } else if (!rest.empty()) {
      auto [first, second] = Halves(std::move(rest));
      group = groups_.insert(group, std::move(second));
      group = std::next(groups_.insert(group, std::move(first)), 2);
    }
  }
  return guilty;
}

}  // namespace signalbox
