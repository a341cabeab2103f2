#include "server/snapshot/type_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/check.h"

namespace signalbox {
namespace {

// Large enough that the list of chunks is short, small enough that copying one is cheap.
constexpr size_t kChunkSize = 64;

bool ByName(const FragmentPtr& a, const FragmentPtr& b) { return a->name() < b->name(); }

}  // namespace

const TypeSetPtr& TypeSet::Empty() {
  static const auto* const empty = new TypeSetPtr(new TypeSet({}));
  return *empty;
}

TypeSet::TypeSet(std::vector<ChunkPtr> chunks) : chunks_(std::move(chunks)) {
  for (const ChunkPtr& chunk : chunks_) {
    size_ += chunk->fragments.size();
    hash_ += chunk->hash;
    opaque_ |= chunk->opaque;
    has_ttl_ |= chunk->has_ttl;
  }
}

void TypeSet::AppendChunks(std::vector<FragmentPtr> fragments, std::vector<ChunkPtr>* chunks) {
  // Even parts, so that none is tiny.
  const size_t parts = (fragments.size() + kChunkSize - 1) / kChunkSize;
  size_t begin = 0;
  for (size_t part = 0; part < parts; ++part) {
    const size_t end = fragments.size() * (part + 1) / parts;
    auto chunk = std::make_shared<Chunk>();
    chunk->fragments.assign(
        std::make_move_iterator(fragments.begin() + static_cast<ptrdiff_t>(begin)),
        std::make_move_iterator(fragments.begin() + static_cast<ptrdiff_t>(end)));
    for (const FragmentPtr& fragment : chunk->fragments) {
      chunk->hash += fragment->identity();
      chunk->opaque |= fragment->references().opaque;
      chunk->has_ttl |= fragment->settings().ttl > absl::ZeroDuration();
    }
    chunks->push_back(std::move(chunk));
    begin = end;
  }
}

TypeSetPtr TypeSet::Of(std::vector<FragmentPtr> fragments) {
  if (fragments.empty()) return Empty();
  std::sort(fragments.begin(), fragments.end(), ByName);
  for (size_t i = 1; i < fragments.size(); ++i)
    SB_CHECK(fragments[i - 1]->name() < fragments[i]->name());
  std::vector<ChunkPtr> chunks;
  AppendChunks(std::move(fragments), &chunks);
  return TypeSetPtr(new TypeSet(std::move(chunks)));
}

TypeSetPtr TypeSet::With(std::vector<TypeSetEdit> edits) const {
  std::sort(edits.begin(), edits.end(),
            [](const TypeSetEdit& a, const TypeSetEdit& b) { return a.name < b.name; });
  for (size_t i = 1; i < edits.size(); ++i) SB_CHECK(edits[i - 1].name < edits[i].name);
  std::vector<ChunkPtr> chunks;
  chunks.reserve(chunks_.size() + 1);
  size_t edit = 0;
  // Each chunk takes the edits up to the first name of the next one; the last takes the rest.
  for (size_t i = 0; i < std::max<size_t>(1, chunks_.size()); ++i) {
    const bool last = i + 1 >= chunks_.size();
    const size_t first_edit = edit;
    while (edit < edits.size() &&
           (last || edits[edit].name < chunks_[i + 1]->fragments.front()->name()))
      ++edit;
    if (edit == first_edit) {
      if (i < chunks_.size()) chunks.push_back(chunks_[i]);
      continue;
    }
    std::vector<FragmentPtr> merged;
    size_t at = first_edit;
    const auto add_edit = [&] {
      if (edits[at].fragment != nullptr) merged.push_back(std::move(edits[at].fragment));
      ++at;
    };
    if (i < chunks_.size()) {
      for (const FragmentPtr& fragment : chunks_[i]->fragments) {
        while (at < edit && edits[at].name < fragment->name()) add_edit();
        if (at < edit && edits[at].name == fragment->name()) {
          add_edit();
        } else {
          merged.push_back(fragment);
        }
      }
    }
    while (at < edit) add_edit();
    // What shrank joins its neighbour, so that many removals do not leave many tiny chunks.
    if (!merged.empty() && merged.size() < kChunkSize / 4 && !chunks.empty() &&
        chunks.back()->fragments.size() + merged.size() <= kChunkSize) {
      std::vector<FragmentPtr> joined = chunks.back()->fragments;
      joined.insert(joined.end(), merged.begin(), merged.end());
      chunks.pop_back();
      merged = std::move(joined);
    }
    AppendChunks(std::move(merged), &chunks);
  }
  if (chunks.empty()) return Empty();
  return TypeSetPtr(new TypeSet(std::move(chunks)));
}

const FragmentPtr* TypeSet::FindPtr(absl::string_view name) const {
  auto chunk = std::upper_bound(chunks_.begin(), chunks_.end(), name,
                                [](absl::string_view wanted, const ChunkPtr& c) {
                                  return wanted < c->fragments.front()->name();
                                });
  if (chunk == chunks_.begin()) return nullptr;
  const std::vector<FragmentPtr>& fragments = (*--chunk)->fragments;
  const auto found = std::lower_bound(fragments.begin(), fragments.end(), name,
                                      [](const FragmentPtr& fragment, absl::string_view wanted) {
                                        return fragment->name() < wanted;
                                      });
  return found == fragments.end() || (*found)->name() != name ? nullptr : &*found;
}

std::string TypeSet::version() const {
  return absl::StrFormat("%016x%016x", absl::Uint128High64(hash_), absl::Uint128Low64(hash_));
}

std::vector<const Fragment*> TypeSet::Referring(const Reference& reference) const {
  const auto before = [](const Referral& a, const Referral& b) { return *a.first < *b.first; };
  MutexLock lock(&mu_);
  if (referrals_ == nullptr) {
    auto referrals = std::make_unique<std::vector<Referral>>();
    ForEach([&](const FragmentPtr& fragment) {
      for (const Reference& name : fragment->references().names)
        referrals->emplace_back(&name, fragment.get());
    });
    std::sort(referrals->begin(), referrals->end(), before);
    referrals_ = std::move(referrals);
  }
  const auto [first, last] = std::equal_range(referrals_->begin(), referrals_->end(),
                                              Referral(&reference, nullptr), before);
  std::vector<const Fragment*> referring;
  for (auto referral = first; referral != last; ++referral) referring.push_back(referral->second);
  return referring;
}

Slice TypeSet::SotwBody() const {
  MutexLock lock(&mu_);
  if (sotw_body_ == nullptr) {
    auto body = std::make_shared<std::string>();
    size_t size = 0;
    ForEach([&](const FragmentPtr& fragment) { size += fragment->sotw_form().size(); });
    body->reserve(size);
    ForEach([&](const FragmentPtr& fragment) {
      body->append(fragment->sotw_form().data(), fragment->sotw_form().size());
    });
    sotw_body_ = std::move(body);
  }
  return Slice{sotw_body_, *sotw_body_};
}

}  // namespace signalbox
