#include "tests/server/xds/model/world.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace signalbox::testing {
namespace {

const std::string& Nothing() {
  static const auto* const nothing = new std::string();
  return *nothing;
}

// What stands behind the tag's ">".
absl::string_view Named(absl::string_view tag) {
  const size_t at = tag.find('>');
  return at == absl::string_view::npos ? absl::string_view() : tag.substr(at + 1);
}

}  // namespace

std::string NameOf(int index) { return absl::StrCat("n", index); }

Verdict VerdictOf(absl::string_view tag) {
  if (absl::StartsWith(tag, "bad")) return Verdict::kRefused;
  return absl::StartsWith(tag, "inv") ? Verdict::kInvalid : Verdict::kGood;
}

std::string NamedBy(absl::string_view tag, absl::string_view type) {
  absl::string_view named = Named(tag);
  if (!absl::ConsumePrefix(&named, type) || !absl::ConsumePrefix(&named, "/")) return "";
  return std::string(named);
}

std::string Edit::Text() const {
  return absl::StrCat(tag.empty() ? "-" : "", kTypes[static_cast<size_t>(type)].name, "/",
                      NameOf(name), tag.empty() ? "" : "=", tag);
}

void World::Publish(const std::vector<Edit>& edits, absl::Time now) {
  Published next = history_.back();
  next.at = now;
  for (const Edit& edit : edits) {
    Resources& resources = next.types[Index(edit.type)];
    if (edit.tag.empty()) {
      resources.erase(NameOf(edit.name));
    } else {
      resources[NameOf(edit.name)] = edit.tag;
    }
  }
  history_.push_back(std::move(next));
}

const std::string& World::At(int64_t revision, int type, const std::string& name) const {
  const Resources& resources = history_[static_cast<size_t>(revision)].types[Index(type)];
  const auto found = resources.find(name);
  return found == resources.end() ? Nothing() : found->second;
}

bool World::WasAbsent(int type, const std::string& name, int64_t from, int64_t to) const {
  for (int64_t revision = from; revision <= to; ++revision) {
    if (At(revision, type, name).empty()) return true;
  }
  return false;
}

int64_t World::LastSeen(int type, const std::string& name, const std::string& tag,
                        int64_t to) const {
  while (to > 0 && At(to, type, name) != tag) --to;
  return to;
}

int64_t World::FirstOf(int type, const std::string& name, const std::string& tag,
                       int64_t revision) const {
  revision = LastSeen(type, name, tag, revision);
  while (revision > 1 && At(revision - 1, type, name) == tag) --revision;
  return revision;
}

absl::Time World::DiffersSince(int type, const std::string& name, const std::string& tag,
                               int64_t revision) const {
  while (revision > 1 && At(revision - 1, type, name) != tag) --revision;
  return history_[static_cast<size_t>(revision)].at;
}

std::vector<Server::Edit> ServerEdits(const std::vector<Edit>& edits) {
  std::vector<Server::Edit> list;
  for (const Edit& edit : edits) {
    const std::string type = kTypes[static_cast<size_t>(edit.type)].name;
    Server::Edit next{{type, NameOf(edit.name), edit.tag, {}}, edit.tag.empty()};
    const std::string named(Named(edit.tag));
    if (!named.empty()) next.spec.refers_to = {named};
    list.push_back(std::move(next));
  }
  return list;
}

}  // namespace signalbox::testing
