#include "storage/seal/key_ring.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/check.h"

namespace signalbox {
namespace {

constexpr absl::string_view kIdLabel = "signalbox key id";

KeyId IdOf(const SecretBytes& key) {
  SB_CHECK(key.size() == kSealKeyBytes);
  InitSodium();
  unsigned char mac[crypto_auth_hmacsha256_BYTES];
  static_assert(crypto_auth_hmacsha256_KEYBYTES == kSealKeyBytes);
  crypto_auth_hmacsha256(mac, reinterpret_cast<const unsigned char*>(kIdLabel.data()),
                         kIdLabel.size(), key.data());
  KeyId id;
  std::copy_n(mac, id.bytes.size(), id.bytes.begin());
  return id;
}

}  // namespace

SealKey::SealKey(SecretBytes key_bytes) : id(IdOf(key_bytes)), bytes(std::move(key_bytes)) {}

KeyRing::KeyRing(std::string origin, std::vector<SealKey> keys)
    : origin_(std::move(origin)), keys_(std::move(keys)) {
  SB_CHECK(!keys_.empty());
}

KeyRing KeyRing::InMemory() {
  std::vector<SealKey> keys;
  keys.push_back(SealKey::Random());
  return KeyRing("this process's memory", std::move(keys));
}

const SealKey* KeyRing::Find(KeyId id) const {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const SealKey& key) { return key.id == id; });
  return found == keys_.end() ? nullptr : &*found;
}

std::vector<KeyId> KeyRing::ids() const {
  std::vector<KeyId> ids;
  for (const SealKey& key : keys_) ids.push_back(key.id);
  return ids;
}

}  // namespace signalbox
