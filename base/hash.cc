#include "base/hash.h"

// The functions below take no memory and no locks; those that replace them in OpenSSL 3 do. Both
// use the processor's SHA instructions, which libsodium does not.
#define OPENSSL_API_COMPAT 0x10100000L
#include <openssl/sha.h>

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "base/check.h"

namespace signalbox {
namespace {

SHA256_CTX* State(std::array<unsigned char, 128>& bytes) {
  static_assert(sizeof(SHA256_CTX) <= sizeof(bytes));
  return reinterpret_cast<SHA256_CTX*>(bytes.data());
}

}  // namespace

std::string Digest::Hex() const { return absl::BytesToHexString(View()); }

absl::uint128 Digest::Prefix() const {
  absl::uint128 value = 0;
  for (int i = 0; i < 16; ++i) value = (value << 8) | bytes[i];
  return value;
}

Hasher::Hasher() { SB_CHECK(SHA256_Init(State(state_)) == 1); }

void Hasher::AddRaw(absl::string_view bytes) {
  SB_CHECK(SHA256_Update(State(state_), bytes.data(), bytes.size()) == 1);
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
  SB_CHECK(SHA256_Final(digest.bytes.data(), State(state_)) == 1);
  return digest;
}

Digest Sha256(absl::string_view bytes) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.bytes.data());
  return digest;
}

}  // namespace signalbox
