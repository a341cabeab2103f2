#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/server/xds/fixture.h"

namespace signalbox::testing {

// What the model knows of a type, by the protocol's text and not by the registry's word. A type
// joins by its line here, its bodies in XdsBodies and, where a resource names others, its line in
// DrawTag (steps.cc).
struct TypeRow {
  const char* name;      // the short name
  bool full_state;       // every SotW response lists all, absence deletes (XDS W8)
  bool legacy_wildcard;  // a first request without names is for all (XDS W6, W7)
};
inline constexpr std::array<TypeRow, 4> kTypes = {{
    {"cluster", true, true},
    {"endpoints", false, false},
    {"listener", true, true},
    {"route", false, false},
}};
inline constexpr int kCluster = 0, kEndpoints = 1, kListener = 2, kRoute = 3;

// Of each type there are resources n0, n1, ...
inline constexpr int kNames = 6;
std::string NameOf(int index);

// The content of a resource as one word, by which a test knows it again: what a client thinks of it
// ("t1", "bad1", "inv1") and what it names: "t1>cluster/n2", "t1>route/n3", "t1>static".
enum class Verdict {
  kGood,
  kRefused,  // "bad": refused by name, whatever came with it is applied (XDS W2, W8)
  kInvalid,  // "inv": a rule of the fields refuses the whole response and names nothing
};
Verdict VerdictOf(absl::string_view tag);
// What it names of a type ("n2"), or "".
std::string NamedBy(absl::string_view tag, absl::string_view type);

// A change of one resource; without a tag it is taken out.
struct Edit {
  int type = 0;
  int name = 0;
  std::string tag;

  std::string Text() const;
};

// Everything that was ever published, by revision.
class World {
 public:
  using Resources = std::map<std::string, std::string>;  // name -> tag

  World() : history_(1) {}

  // The next revision.
  void Publish(const std::vector<Edit>& edits, absl::Time now);
  int64_t revision() const { return static_cast<int64_t>(history_.size()) - 1; }

  const Resources& Of(int type) const { return history_.back().types[Index(type)]; }
  // The tag at a revision, "" for nothing.
  const std::string& At(int64_t revision, int type, const std::string& name) const;
  const std::string& Now(int type, const std::string& name) const {
    return At(revision(), type, name);
  }
  // Whether it was missing at a revision from `from` to `to`.
  bool WasAbsent(int type, const std::string& name, int64_t from, int64_t to) const;
  // The newest revision up to `to` that has this content; 0 for none.
  int64_t LastSeen(int type, const std::string& name, const std::string& tag, int64_t to) const;
  // Since which revision it continuously had the content when it had it last, up to `revision`.
  int64_t FirstOf(int type, const std::string& name, const std::string& tag,
                  int64_t revision) const;
  // Since when the content is continuously another than `tag`, as of a revision.
  absl::Time DiffersSince(int type, const std::string& name, const std::string& tag,
                          int64_t revision) const;

 private:
  struct Published {
    std::array<Resources, kTypes.size()> types;
    absl::Time at = absl::InfinitePast();
  };
  static size_t Index(int type) { return static_cast<size_t>(type); }

  std::vector<Published> history_;  // by revision; 0 is nothing
};

// The edits as the fixture's server takes them.
std::vector<Server::Edit> ServerEdits(const std::vector<Edit>& edits);

}  // namespace signalbox::testing
