#include "storage/seal/secret_bytes.h"

#include <sodium.h>

#include <cstring>
#include <utility>

#include "base/check.h"

namespace signalbox {

void InitSodium() {
  static const bool ready = sodium_init() >= 0;
  SB_CHECK(ready);
}

SecretBytes::SecretBytes(size_t size) : size_(size) {
  if (size == 0) return;
  InitSodium();
  data_ = static_cast<uint8_t*>(sodium_malloc(size));
  SB_CHECK(data_ != nullptr);
  sodium_memzero(data_, size);
}

SecretBytes::~SecretBytes() { sodium_free(data_); }  // wipes; nothing for null

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

SecretBytes SecretBytes::Random(size_t size) {
  SecretBytes bytes(size);
  if (size > 0) randombytes_buf(bytes.data_, size);
  return bytes;
}

SecretBytes SecretBytes::CopyOf(absl::string_view bytes) {
  SecretBytes copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data_, bytes.data(), bytes.size());
  return copy;
}

bool operator==(const SecretBytes& a, const SecretBytes& b) {
  if (a.size_ != b.size_) return false;
  return a.size_ == 0 || sodium_memcmp(a.data_, b.data_, a.size_) == 0;
}

}  // namespace signalbox
