#include "storage/seal/sealer.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "storage/seal/errors.h"
#include "storage/seal/sealed_types.h"

namespace signalbox {
namespace {

// Sealed bytes: the format, the key's id, the nonce, the ciphertext with its tag.
constexpr char kFormat = 1;
constexpr size_t kNonceOffset = kKeyIdOffset + sizeof(KeyId::bytes);
constexpr size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kCipherOffset = kNonceOffset + kNonceBytes;
constexpr size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(kCipherOffset + kTagBytes == kSealOverhead);
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == kSealKeyBytes);

// What is sealed, and what is hashed: the same bytes mean nothing in another place.
constexpr absl::string_view kBodyLabel = "signalbox body";
constexpr absl::string_view kRecordLabel = "signalbox record";
constexpr absl::string_view kRequestLabel = "signalbox request";
constexpr absl::string_view kHashKeyLabel = "signalbox hash key";

constexpr size_t kHashKeyBytes = crypto_auth_hmacsha256_KEYBYTES;

const unsigned char* Bytes(absl::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* Bytes(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

// HMAC-SHA-256 of the label, a zero and the bytes.
Digest Hmac(const SecretBytes& key, absl::string_view label, absl::string_view bytes) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key.data(), key.size());
  crypto_auth_hmacsha256_update(&state, Bytes(label), label.size());
  crypto_auth_hmacsha256_update(&state, Bytes(absl::string_view("\0", 1)), 1);
  crypto_auth_hmacsha256_update(&state, Bytes(bytes), bytes.size());
  Digest digest;
  crypto_auth_hmacsha256_final(&state, digest.bytes.data());
  sodium_memzero(&state, sizeof(state));
  return digest;
}

// The additional data: everything before the nonce, the label and what the bytes are bound to.
std::string BoundTo(absl::string_view label, KeyId id, absl::string_view bound) {
  return absl::StrCat(absl::string_view(&kFormat, 1), id.View(), label, absl::string_view("\0", 1),
                      bound);
}

std::string SealBytes(const SealKey& key, absl::string_view label, absl::string_view plain,
                      absl::string_view bound) {
  std::string sealed(plain.size() + kSealOverhead, '\0');
  sealed[0] = kFormat;
  std::copy(key.id.bytes.begin(), key.id.bytes.end(), Bytes(sealed) + kKeyIdOffset);
  unsigned char* const nonce = Bytes(sealed) + kNonceOffset;
  randombytes_buf(nonce, kNonceBytes);
  const std::string additional = BoundTo(label, key.id, bound);
  crypto_aead_xchacha20poly1305_ietf_encrypt(Bytes(sealed) + kCipherOffset, nullptr, Bytes(plain),
                                             plain.size(), Bytes(additional), additional.size(),
                                             nullptr, nonce, key.bytes.data());
  return sealed;
}

// Opens into `plain`, which has sealed.size() - kSealOverhead bytes; false where the bytes were not
// sealed so.
bool OpenBytes(const SealKey& key, absl::string_view label, absl::string_view sealed,
               absl::string_view bound, unsigned char* plain) {
  const std::string additional = BoundTo(label, key.id, bound);
  return crypto_aead_xchacha20poly1305_ietf_decrypt(
             plain, nullptr, nullptr, Bytes(sealed) + kCipherOffset, sealed.size() - kCipherOffset,
             Bytes(additional), additional.size(), Bytes(sealed) + kNonceOffset,
             key.bytes.data()) == 0;
}

// The key that sealed the bytes, which `what` names to a person.
absl::StatusOr<const SealKey*> KeyOf(const KeyRing& ring, absl::string_view sealed,
                                     absl::string_view what) {
  const std::optional<KeyId> id = KeyIdOf(sealed);
  if (!id.has_value()) return errors::SealBroken(what);
  const SealKey* const key = ring.Find(*id);
  if (key == nullptr) return errors::KeyUnknown(what, *id, ring.origin(), ring.ids());
  return key;
}

}  // namespace

std::optional<KeyId> KeyIdOf(absl::string_view sealed) {
  if (sealed.size() < kSealOverhead || sealed[0] != kFormat) return std::nullopt;
  KeyId id;
  std::copy_n(Bytes(sealed) + kKeyIdOffset, id.bytes.size(), id.bytes.begin());
  return id;
}

std::unique_ptr<Sealer> Sealer::WithNewHashKey(std::shared_ptr<const KeyRing> ring) {
  return std::unique_ptr<Sealer>(new Sealer(
      std::move(ring), std::make_shared<const SecretBytes>(SecretBytes::Random(kHashKeyBytes))));
}

absl::StatusOr<std::unique_ptr<Sealer>> Sealer::WithHashKey(std::shared_ptr<const KeyRing> ring,
                                                            absl::string_view wrapped) {
  constexpr absl::string_view kWhat = "the store's hash key";
  SB_ASSIGN_OR_RETURN(const SealKey* const key, KeyOf(*ring, wrapped, kWhat));
  if (wrapped.size() != kHashKeyBytes + kSealOverhead) return errors::SealBroken(kWhat);
  SecretBytes hash_key(kHashKeyBytes);
  if (!OpenBytes(*key, kHashKeyLabel, wrapped, "", hash_key.data()))
    return errors::SealBroken(kWhat);
  return std::unique_ptr<Sealer>(
      new Sealer(std::move(ring), std::make_shared<const SecretBytes>(std::move(hash_key))));
}

std::unique_ptr<Sealer> Sealer::WithRing(std::shared_ptr<const KeyRing> ring) const {
  return std::unique_ptr<Sealer>(new Sealer(std::move(ring), hash_key_));
}

std::string Sealer::WrapHashKey() const {
  return SealBytes(ring_->active(), kHashKeyLabel, hash_key_->View(), "");
}

Digest Sealer::BodyHash(absl::string_view body) const { return Hmac(*hash_key_, kBodyLabel, body); }

Digest Sealer::RecordHash(const Record& record, const Digest& body_hash) const {
  return Hmac(*hash_key_, kRecordLabel, record.Hash(body_hash).View());
}

RecordHashes Sealer::HashesOf(absl::string_view type, const Record& record) const {
  if (!IsSealed(type)) return PlainHasher().HashesOf(type, record);
  const Digest body = BodyHash(record.body);
  return {.body = body, .record = RecordHash(record, body)};
}

Digest Sealer::RequestHash(const Digest& content) const {
  return Hmac(*hash_key_, kRequestLabel, content.View());
}

absl::string_view Sealer::Stored(absl::string_view type, absl::string_view body,
                                 const Digest& body_hash, std::string* sealed) const {
  if (!IsSealed(type)) return body;
  *sealed = Seal(body, body_hash);
  return *sealed;
}

std::string Sealer::Seal(absl::string_view body, const Digest& body_hash) const {
  return SealBytes(ring_->active(), kBodyLabel, body, body_hash.View());
}

absl::StatusOr<std::string> Sealer::Open(absl::string_view sealed, const Digest& body_hash) const {
  constexpr absl::string_view kWhat = "its sealed body";
  SB_ASSIGN_OR_RETURN(const SealKey* const key, KeyOf(*ring_, sealed, kWhat));
  std::string body(sealed.size() - kSealOverhead, '\0');
  if (!OpenBytes(*key, kBodyLabel, sealed, body_hash.View(), Bytes(body)) ||
      BodyHash(body) != body_hash) {
    return errors::SealBroken(kWhat);
  }
  return body;
}

absl::StatusOr<std::string> Sealer::Reseal(absl::string_view sealed,
                                           const Digest& body_hash) const {
  SB_ASSIGN_OR_RETURN(std::string body, Open(sealed, body_hash));
  std::string resealed = Seal(body, body_hash);
  sodium_memzero(body.data(), body.size());
  return resealed;
}

absl::Status RestoreRecord(const Sealer* sealer, const ResourceKey& key, absl::string_view stored,
                           const RecordHashes& stored_under, Record* record) {
  RecordHashes hashes = stored_under;
  if (!IsSealed(key.type)) {
    record->body = std::string(stored);
    hashes = PlainHasher().HashesOf(key.type, *record);
  } else if (sealer != nullptr) {
    absl::StatusOr<std::string> body = sealer->Open(stored, stored_under.body);
    if (!body.ok()) return errors::OfResource(key, body.status());
    record->body = *std::move(body);
    hashes.record = sealer->RecordHash(*record, stored_under.body);
  } else if (!KeyIdOf(stored).has_value()) {
    return errors::OfResource(key, errors::SealBroken("its sealed body"));
  }
  return hashes.body == stored_under.body && hashes.record == stored_under.record
             ? absl::OkStatus()
             : errors::HashDiffers(key);
}

}  // namespace signalbox
