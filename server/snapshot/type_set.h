#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "server/snapshot/fragment.h"
#include "server/types/resource_type.h"

namespace signalbox {

class TypeSet;
using TypeSetPtr = std::shared_ptr<const TypeSet>;

// A change to one name of a set: the new fragment, or none to take the name out.
struct TypeSetEdit {
  std::string name;
  FragmentPtr fragment;
};

// The resources of one type, sorted by name. Immutable; its chunks are shared with the sets it was
// made from, so that an edit costs what it changes. Safe from any thread.
class TypeSet {
 public:
  // The set of nothing; always the same object.
  static const TypeSetPtr& Empty();
  // `fragments` in any order; no name twice.
  static TypeSetPtr Of(std::vector<FragmentPtr> fragments);

  // This set with `edits`, in any order, no name twice. An edit that changes nothing is allowed.
  TypeSetPtr With(std::vector<TypeSetEdit> edits) const;

  // Null when the name is not in the set.
  const FragmentPtr* FindPtr(absl::string_view name) const;
  const Fragment* Find(absl::string_view name) const {
    const FragmentPtr* found = FindPtr(name);
    return found == nullptr ? nullptr : found->get();
  }
  bool Contains(absl::string_view name) const { return FindPtr(name) != nullptr; }

  size_t size() const { return size_; }
  // A sum over name and version of each member: equal for equal sets, however they came to be.
  absl::uint128 hash() const { return hash_; }
  // `hash()` as 32 hexadecimal digits: a SotW version.
  std::string version() const;

  // Calls `visit(const FragmentPtr&)` for each member in the order of names.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& chunk : chunks_) {
      for (const FragmentPtr& fragment : chunk->fragments) visit(fragment);
    }
  }

  // The members that refer to `reference`, in no order; valid as long as this set. The first call
  // looks at all of them; what it finds is kept.
  std::vector<const Fragment*> Referring(const Reference& reference) const;
  // Whether a member may use clusters that it does not name (ResourceReferences::opaque).
  bool opaque() const { return opaque_; }
  // Whether a member is dropped by clients that do not hear of it (ResourceSettings::ttl).
  bool has_ttl() const { return has_ttl_; }

  // The SotW forms of all members, one after the other; made at the first call and kept.
  Slice SotwBody() const;

  // Calls `visit(const FragmentPtr* before, const FragmentPtr* after)` for each name at which the
  // two differ, in the order of names; null stands for a name that is not there. Costs what
  // differs, plus a look at each chunk.
  template <typename Visit>
  static void VisitDifferences(const TypeSet& from, const TypeSet& to, Visit&& visit);

 private:
  struct Chunk {
    std::vector<FragmentPtr> fragments;  // sorted, never empty
    absl::uint128 hash = 0;
    bool opaque = false;
    bool has_ttl = false;
  };
  using ChunkPtr = std::shared_ptr<const Chunk>;

  // Walks a set chunk by chunk.
  struct Cursor {
    const TypeSet* set;
    size_t chunk = 0;
    size_t position = 0;

    bool AtEnd() const { return chunk == set->chunks_.size(); }
    bool AtChunkStart() const { return position == 0; }
    const ChunkPtr& chunk_ptr() const { return set->chunks_[chunk]; }
    const FragmentPtr& fragment() const { return set->chunks_[chunk]->fragments[position]; }
    void SkipChunk() { ++chunk, position = 0; }
    void Step() {
      if (++position == set->chunks_[chunk]->fragments.size()) SkipChunk();
    }
  };

  explicit TypeSet(std::vector<ChunkPtr> chunks);
  static void AppendChunks(std::vector<FragmentPtr> fragments, std::vector<ChunkPtr>* chunks);

  std::vector<ChunkPtr> chunks_;
  size_t size_ = 0;
  absl::uint128 hash_ = 0;
  bool opaque_ = false;
  bool has_ttl_ = false;

  mutable Mutex mu_;
  mutable std::shared_ptr<const std::string> sotw_body_ SB_GUARDED_BY(mu_);
  // What members refer to, and which of them, sorted; it is theirs. Null before it is asked for.
  using Referral = std::pair<const Reference*, const Fragment*>;
  mutable std::unique_ptr<const std::vector<Referral>> referrals_ SB_GUARDED_BY(mu_);
};

template <typename Visit>
void TypeSet::VisitDifferences(const TypeSet& from, const TypeSet& to, Visit&& visit) {
  if (from.hash_ == to.hash_) return;
  Cursor a{&from}, b{&to};
  while (!a.AtEnd() || !b.AtEnd()) {
    if (a.AtEnd()) {
      visit(static_cast<const FragmentPtr*>(nullptr), &b.fragment());
      b.Step();
      continue;
    }
    if (b.AtEnd()) {
      visit(&a.fragment(), static_cast<const FragmentPtr*>(nullptr));
      a.Step();
      continue;
    }
    if (a.AtChunkStart() && b.AtChunkStart() && a.chunk_ptr() == b.chunk_ptr()) {
      a.SkipChunk();
      b.SkipChunk();
      continue;
    }
    const FragmentPtr& before = a.fragment();
    const FragmentPtr& after = b.fragment();
    const int order = before == after ? 0 : before->name().compare(after->name());
    if (order < 0) {
      visit(&before, static_cast<const FragmentPtr*>(nullptr));
      a.Step();
    } else if (order > 0) {
      visit(static_cast<const FragmentPtr*>(nullptr), &after);
      b.Step();
    } else {
      if (before != after && before->identity() != after->identity()) visit(&before, &after);
      a.Step();
      b.Step();
    }
  }
}

}  // namespace signalbox
