#pragma once

#include "absl/strings/string_view.h"
#include "base/hash.h"
#include "storage/model/resource.h"

namespace signalbox {

// What a record and its body are stored under.
struct RecordHashes {
  Digest body;
  Digest record;
};

// How a store hashes what it holds. Implementations are immutable and safe from any thread; the
// hashes of the same content stay the same as long as the store lives.
class RecordHasher {
 public:
  virtual ~RecordHasher() = default;

  // Of a record of a resource of `type` (its short name).
  virtual RecordHashes HashesOf(absl::string_view type, const Record& record) const = 0;
  // What is stored of a request whose ChangeSet::RequestHash is `content`.
  virtual Digest RequestHash(const Digest& content) const = 0;
};

// SHA-256 throughout, for a store without secrets.
class PlainHasher : public RecordHasher {
 public:
  RecordHashes HashesOf(absl::string_view, const Record& record) const override {
    const Digest body = Sha256(record.body);
    return {.body = body, .record = record.Hash(body)};
  }
  Digest RequestHash(const Digest& content) const override { return content; }
};

}  // namespace signalbox
