#include "storage/seal/store_sealer.h"

#include <vector>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "storage/seal/key_file.h"
#include "storage/seal/key_id.h"
#include "storage/seal/key_ring.h"
#include "storage/seal/secret_bytes.h"

namespace signalbox {
namespace {

// A key file that is missing is a matter of the configuration, not of what was asked for.
absl::StatusOr<KeyRing> Needed(absl::StatusOr<KeyRing> ring) {
  if (absl::IsNotFound(ring.status()))
    return absl::FailedPreconditionError(ring.status().message());
  return ring;
}

// A new key before those of `ring`.
KeyRing WithNewKey(const KeyRing& ring) {
  std::vector<SealKey> keys;
  keys.push_back(SealKey::Random());
  for (const SealKey& key : ring.keys()) keys.emplace_back(SecretBytes::CopyOf(key.bytes.View()));
  return KeyRing(ring.origin(), std::move(keys));
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreSealer>> StoreSealer::Open(
    std::string key_file, std::optional<absl::string_view> wrapped_hash_key) {
  absl::StatusOr<KeyRing> read = key_file.empty()               ? KeyRing::InMemory()
                                 : wrapped_hash_key.has_value() ? KeyFile(key_file).Read()
                                                                : KeyFile(key_file).ReadOrMake();
  SB_ASSIGN_OR_RETURN(KeyRing ring, Needed(std::move(read)));
  auto shared = std::make_shared<const KeyRing>(std::move(ring));
  std::shared_ptr<const Sealer> sealer;
  if (wrapped_hash_key.has_value()) {
    SB_ASSIGN_OR_RETURN(sealer, Sealer::WithHashKey(std::move(shared), *wrapped_hash_key));
  } else {
    sealer = Sealer::WithNewHashKey(std::move(shared));
  }
  return std::unique_ptr<StoreSealer>(new StoreSealer(std::move(key_file), std::move(sealer)));
}

std::shared_ptr<const Sealer> StoreSealer::Current() const {
  MutexLock lock(&mu_);
  return sealer_;
}

absl::StatusOr<std::shared_ptr<const Sealer>> StoreSealer::Rotate() {
  if (key_file_.empty()) return Take(WithNewKey(Current()->ring()));
  SB_ASSIGN_OR_RETURN(KeyRing ring, Needed(KeyFile(key_file_).Rotate()));
  return Take(std::move(ring));
}

absl::StatusOr<std::shared_ptr<const Sealer>> StoreSealer::Reload() {
  if (key_file_.empty()) return Current();
  SB_ASSIGN_OR_RETURN(KeyRing ring, Needed(KeyFile(key_file_).Read()));
  return Take(std::move(ring));
}

std::shared_ptr<const Sealer> StoreSealer::Take(KeyRing ring) {
  MutexLock lock(&mu_);
  sealer_ = sealer_->WithRing(std::make_shared<const KeyRing>(std::move(ring)));
  return sealer_;
}

}  // namespace signalbox
