#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signalbox {

// Where a TCP listener listens: "127.0.0.1:18000", "[::1]:18000", "localhost:0".
struct ListenAddress {
  std::string host;   // without brackets
  uint16_t port = 0;  // 0: the system chooses

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;

  // As it is written, with brackets around an IPv6 address.
  std::string ToString() const;
  // Whether only this machine can connect: 127.0.0.0/8, ::1 or "localhost". Another name is not,
  // whatever it means.
  bool IsLoopback() const;
};

// Reads HOST:PORT; an IPv6 address stands in brackets.
//   kInvalidArgument  it is something else; the text says what is expected
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

}  // namespace signalbox
