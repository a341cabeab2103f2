#pragma once

#include <string>
#include <vector>

#include "base/hash.h"
#include "storage/model/resource.h"
#include "storage/model/revision.h"

namespace signalbox {

// A resource to be created or replaced.
struct Upsert {
  ResourceKey key;
  Record record;
};

// What one commit does: all of it becomes one revision, or none of it. A key stands in it at most
// once.
struct ChangeSet {
  std::vector<Upsert> upserts;
  std::vector<ResourceKey> removals;

  std::string author;
  std::string message;
  RevisionKind kind = RevisionKind::kApply;
  // Chosen by the client, unique per author for 24 h; "" for none. A retry with the same id and
  // content makes no second revision.
  std::string request_id;
  // Where the request came from, for the audit log: "unix", an address.
  std::string source;

  // SHA-256 over everything but the author and the source: what a retry is recognised by.
  Digest RequestHash() const;
};

// What a revision changed, as stored: resources at their new content, and keys that went.
struct RevisionChanges {
  RevisionInfo info;
  std::vector<Resource> upserts;      // sorted by key
  std::vector<ResourceKey> removals;  // sorted
};

// Every resource at the head, sorted by key.
struct HeadState {
  Head head;
  std::vector<Resource> resources;
};

// The digest of the chain at a revision (STORAGE section 3): over the previous digest, the epoch,
// the revision, its time, author, kind and request id, and the sorted (key, record hash or
// removal). Never bodies.
Digest ChainDigest(const Digest& previous, const RevisionInfo& info,
                   const std::vector<Resource>& upserts, const std::vector<ResourceKey>& removals);

}  // namespace signalbox
