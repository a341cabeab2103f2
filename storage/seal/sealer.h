#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/hash.h"
#include "storage/model/record_hasher.h"
#include "storage/model/resource.h"
#include "storage/seal/key_id.h"
#include "storage/seal/key_ring.h"
#include "storage/seal/secret_bytes.h"

namespace signalbox {

// What seals and opens the bodies of one store's secrets, and hashes them: a hash that anybody
// could compute would let who has the database try guesses. Two kinds of keys:
//   the ring's   seal bodies and the hash key; they are rotated by resealing
//   the hash key made with the store, never changed: hashes, the chain and the versions that
//                proxies see outlive every rotation. The store keeps it sealed ("wrapped") by a key
//                of the ring.
// A body is sealed with XChaCha20-Poly1305 under a random nonce, so sealing twice gives different
// bytes. Bound to it are the key's id and the body's own keyed hash, which the record's hash
// covers: bytes that were moved to another record do not open. (The record's hash is not bound:
// records that differ in a label share one stored body, and proxies are not sent it again.)
// Immutable; safe from any thread.
class Sealer : public RecordHasher {
 public:
  // With a new hash key, for a store that has none.
  static std::unique_ptr<Sealer> WithNewHashKey(std::shared_ptr<const KeyRing> ring);
  // With the hash key that Wrap gave.
  //   kFailedPrecondition  the ring lacks the key that wrapped it
  //   kDataLoss            `wrapped` is damaged
  static absl::StatusOr<std::unique_ptr<Sealer>> WithHashKey(std::shared_ptr<const KeyRing> ring,
                                                             absl::string_view wrapped);
  // The same hash key with another ring, after a rotation.
  std::unique_ptr<Sealer> WithRing(std::shared_ptr<const KeyRing> ring) const;

  // The hash key sealed with the active key: what the store keeps.
  std::string WrapHashKey() const;

  // Of a type that is not sealed (sealed_types.h): SHA-256. Of one that is: BodyHash and
  // RecordHash.
  RecordHashes HashesOf(absl::string_view type, const Record& record) const override;
  // HMAC-SHA-256 with the hash key: a request may hold a secret.
  Digest RequestHash(const Digest& content) const override;

  // What is stored of a body of `type`: `body` itself, or sealed into `*sealed`. `body_hash` is
  // what HashesOf gave. The view is valid as long as both.
  absl::string_view Stored(absl::string_view type, absl::string_view body, const Digest& body_hash,
                           std::string* sealed) const;
  // What a body and a record of a sealed type are stored under, HMAC-SHA-256 with the hash key.
  // RecordHash covers what Record::Hash covers. `body_hash` is BodyHash of its body.
  Digest BodyHash(absl::string_view body) const;
  Digest RecordHash(const Record& record, const Digest& body_hash) const;

  // The body sealed with the active key. `body_hash` is its BodyHash.
  std::string Seal(absl::string_view body, const Digest& body_hash) const;
  // The body that was sealed.
  //   kFailedPrecondition  the ring lacks the key that sealed it (the text names it)
  //   kDataLoss            `sealed` is damaged, or is not what was sealed under `body_hash`
  absl::StatusOr<std::string> Open(absl::string_view sealed, const Digest& body_hash) const;
  // The same body under the active key.
  absl::StatusOr<std::string> Reseal(absl::string_view sealed, const Digest& body_hash) const;

  const KeyRing& ring() const { return *ring_; }

 private:
  Sealer(std::shared_ptr<const KeyRing> ring, std::shared_ptr<const SecretBytes> hash_key)
      : ring_(std::move(ring)), hash_key_(std::move(hash_key)) {}

  const std::shared_ptr<const KeyRing> ring_;
  const std::shared_ptr<const SecretBytes> hash_key_;
};

// How much longer sealed bytes are than what was sealed: a format byte, the key's id, a nonce and a
// tag.
inline constexpr size_t kSealOverhead = 1 + 8 + 24 + 16;

// The key that sealed these bytes; none where they are not sealed bytes. Needs no key.
std::optional<KeyId> KeyIdOf(absl::string_view sealed);

// Where a resealing finds the key id in sealed bytes, for SQL: from this byte (from 0), 8 bytes.
inline constexpr size_t kKeyIdOffset = 1;

// The record of `key`, whose fields but the body are in `record`, from what is stored of it: fills
// in the body and compares both hashes. A null `sealer`, of who has no key, leaves a sealed body
// empty and its hashes unchecked.
//   kFailedPrecondition  the sealer lacks the key that sealed the body (the text names it)
//   kDataLoss            it does not have the hashes that it is stored under, or should be sealed
absl::Status RestoreRecord(const Sealer* sealer, const ResourceKey& key, absl::string_view stored,
                           const RecordHashes& stored_under, Record* record);

}  // namespace signalbox
