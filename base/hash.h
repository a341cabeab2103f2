#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"

namespace signalbox {

// A SHA-256 digest: what records, bodies and chains are named by.
struct Digest {
  std::array<uint8_t, 32> bytes = {};

  friend bool operator==(const Digest&, const Digest&) = default;
  friend auto operator<=>(const Digest&, const Digest&) = default;

  // 64 lower-case hexadecimal digits.
  std::string Hex() const;
  // The first 16 bytes as a number, most significant first.
  absl::uint128 Prefix() const;
  absl::string_view View() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

// SHA-256 over several parts, each preceded by its length, so that ("ab","c") and ("a","bc")
// differ.
class Hasher {
 public:
  Hasher();

  // Adds one part: its length as 8 bytes, little endian, then its bytes.
  Hasher& Add(absl::string_view part);
  // Adds a number as a part of 8 bytes, little endian.
  Hasher& Add(uint64_t number);
  // Ends the computation; the hasher must not be used afterwards.
  Digest Finish();

 private:
  void AddRaw(absl::string_view bytes);

  alignas(16) std::array<unsigned char, 128> state_;
};

// SHA-256 of the bytes alone.
Digest Sha256(absl::string_view bytes);

}  // namespace signalbox
