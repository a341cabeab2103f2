#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace signalbox {

// What a key is called, in the key file, in what it sealed, in backups and in messages. It follows
// from the key and says nothing about it.
struct KeyId {
  std::array<uint8_t, 8> bytes = {};

  friend bool operator==(const KeyId&, const KeyId&) = default;
  friend auto operator<=>(const KeyId&, const KeyId&) = default;

  // 16 lower-case hexadecimal digits.
  std::string Hex() const { return absl::BytesToHexString(View()); }
  absl::string_view View() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

}  // namespace signalbox
