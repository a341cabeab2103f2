#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace signalbox {

// Makes the cryptographic library ready; to be called before any other use of it, as often as one
// likes, from any thread.
void InitSodium();

// Bytes that nobody may see: in memory that is never swapped or dumped where the system allows it,
// between guard pages, and wiped at the end. Moved, never copied; there is no way to print them.
class SecretBytes {
 public:
  SecretBytes() = default;  // none
  // `size` zeros.
  explicit SecretBytes(size_t size);
  ~SecretBytes();
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;

  // `size` bytes from the system's randomness.
  static SecretBytes Random(size_t size);
  static SecretBytes CopyOf(absl::string_view bytes);

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  // The bytes, valid while this object lives and is not moved from.
  absl::string_view View() const { return {reinterpret_cast<const char*>(data_), size_}; }

  // Takes time that depends on the sizes only.
  friend bool operator==(const SecretBytes& a, const SecretBytes& b);

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace signalbox
