#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "storage/seal/key_id.h"
#include "storage/seal/secret_bytes.h"

namespace signalbox {

inline constexpr size_t kSealKeyBytes = 32;

// A key and what it is called.
struct SealKey {
  // Names `bytes`, of which there are kSealKeyBytes.
  explicit SealKey(SecretBytes key_bytes);
  static SealKey Random() { return SealKey(SecretBytes::Random(kSealKeyBytes)); }

  KeyId id;
  SecretBytes bytes;
};

// The keys that a process has: the active one seals, each opens what it sealed. Safe to read from
// any thread.
class KeyRing {
 public:
  // `origin` names the place of the keys to a person: "the key file
  // /var/lib/signalbox/secrets.key". `keys` are not empty and have different ids; the first one is
  // active.
  KeyRing(std::string origin, std::vector<SealKey> keys);
  // One new key, for a store that does not outlive the process.
  static KeyRing InMemory();

  KeyRing(KeyRing&&) = default;
  KeyRing& operator=(KeyRing&&) = default;

  const std::string& origin() const { return origin_; }
  const SealKey& active() const { return keys_.front(); }
  // Null where there is no such key.
  const SealKey* Find(KeyId id) const;
  // The active one first, then the older ones, the newest first.
  const std::vector<SealKey>& keys() const { return keys_; }
  std::vector<KeyId> ids() const;

 private:
  std::string origin_;
  std::vector<SealKey> keys_;
};

}  // namespace signalbox
