#include "storage/model/change_set.h"

#include "absl/time/time.h"

namespace signalbox {
namespace {

void AddKey(Hasher& hasher, const ResourceKey& key) {
  hasher.Add(key.namespace_name).Add(key.type).Add(key.name);
}

}  // namespace

Digest ChangeSet::RequestHash() const {
  Hasher hasher;
  hasher.Add(message).Add(RevisionKindName(kind)).Add(request_id);
  hasher.Add(upserts.size());
  for (const Upsert& upsert : upserts) {
    AddKey(hasher, upsert.key);
    hasher.Add(upsert.record.Hash().View());
  }
  hasher.Add(removals.size());
  for (const ResourceKey& key : removals) AddKey(hasher, key);
  return hasher.Finish();
}

Digest ChainDigest(const Digest& previous, const RevisionInfo& info,
                   const std::vector<Resource>& upserts, const std::vector<ResourceKey>& removals) {
  Hasher hasher;
  hasher.Add(previous.View()).Add(info.epoch).Add(static_cast<uint64_t>(info.revision.number));
  hasher.Add(static_cast<uint64_t>(absl::ToUnixMillis(info.time)));
  hasher.Add(info.author).Add(RevisionKindName(info.kind)).Add(info.request_id);
  hasher.Add(upserts.size());
  for (const Resource& resource : upserts) {
    AddKey(hasher, resource.key);
    hasher.Add(resource.record_hash.View());
  }
  hasher.Add(removals.size());
  for (const ResourceKey& key : removals) AddKey(hasher, key);
  return hasher.Finish();
}

}  // namespace signalbox
