#include "base/hash.h"

#include <sodium.h>

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "base/check.h"

namespace signalbox {
namespace {

crypto_hash_sha256_state* State(std::array<unsigned char, 128>& bytes) {
  static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(bytes));
  return reinterpret_cast<crypto_hash_sha256_state*>(bytes.data());
}

}  // namespace

std::string Digest::Hex() const { return absl::BytesToHexString(View()); }

absl::uint128 Digest::Prefix() const {
  absl::uint128 value = 0;
  for (int i = 0; i < 16; ++i) value = (value << 8) | bytes[i];
  return value;
}

Hasher::Hasher() { crypto_hash_sha256_init(State(state_)); }

void Hasher::AddRaw(absl::string_view bytes) {
  SB_CHECK(crypto_hash_sha256_update(State(state_),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     bytes.size()) == 0);
}

Hasher& Hasher::Add(absl::string_view part) {
  char length[8];
  for (int i = 0; i < 8; ++i)
    length[i] = static_cast<char>(static_cast<uint64_t>(part.size()) >> (8 * i));
  AddRaw({length, sizeof(length)});
  AddRaw(part);
  return *this;
}

Hasher& Hasher::Add(uint64_t number) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(number >> (8 * i));
  return Add(absl::string_view(bytes, sizeof(bytes)));
}

Digest Hasher::Finish() {
  Digest digest;
  SB_CHECK(crypto_hash_sha256_final(State(state_), digest.bytes.data()) == 0);
  return digest;
}

Digest Sha256(absl::string_view bytes) {
  Digest digest;
  SB_CHECK(crypto_hash_sha256(digest.bytes.data(),
                              reinterpret_cast<const unsigned char*>(bytes.data()),
                              bytes.size()) == 0);
  return digest;
}

}  // namespace signalbox
