#include "base/listen_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace signalbox {
namespace {

bool IsIpv4(const std::string& host) {
  in_addr address;
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool IsHostName(absl::string_view host) {
  const bool characters = std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
  });
  // A name of digits and dots only is an IPv4 address gone wrong.
  return !host.empty() && characters &&
         host.find_first_not_of("0123456789.") != absl::string_view::npos;
}

absl::Status Malformed(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text,
                   "\" is not HOST:PORT, such as 127.0.0.1:18000, [::1]:18000 "
                   "or 0.0.0.0:18000 for every interface"));
}

}  // namespace

std::string ListenAddress::ToString() const {
  if (absl::StrContains(host, ':')) return absl::StrCat("[", host, "]:", port);
  return absl::StrCat(host, ":", port);
}

bool ListenAddress::IsLoopback() const {
  return (IsIpv4(host) && absl::StartsWith(host, "127.")) || host == "::1" ||
         absl::EqualsIgnoreCase(host, "localhost");
}

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return Malformed(text);
  ListenAddress address;
  absl::string_view host = text.substr(0, colon);
  const absl::string_view port = text.substr(colon + 1);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  address.host = std::string(host);
  if (brackets ? !IsIpv6(address.host) : !IsIpv4(address.host) && !IsHostName(host))
    return Malformed(text);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" has no port between 0 and 65535"));
  }
  return address;
}

}  // namespace signalbox
