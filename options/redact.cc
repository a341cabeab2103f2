#include "options/redact.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace signalbox::options {
namespace {

constexpr char kHidden[] = "***";

// "user:secret@host" -> "user:***@host", up to the last '@': a password may hold what ought to be
// escaped. Without a scheme the first colon may be the scheme's own.
std::string WithoutUserPassword(std::string url) {
  const size_t at = url.rfind('@');
  if (at == std::string::npos) return url;
  const size_t scheme = url.find("://");
  const size_t start = scheme == std::string::npos || scheme > at ? 0 : scheme + 3;
  const size_t colon = url.find(':', start);
  if (colon < at) url.replace(colon + 1, at - colon - 1, kHidden);
  return url;
}

// One or two hexadecimal digits' worth of "%70" -> 'p'; else the character itself.
char Unescaped(absl::string_view text, size_t* i) {
  const auto digit = [](char c) {
    return absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
  };
  if (text[*i] == '%' && *i + 2 < text.size() && absl::ascii_isxdigit(text[*i + 1]) &&
      absl::ascii_isxdigit(text[*i + 2])) {
    const char c = static_cast<char>(digit(text[*i + 1]) * 16 + digit(text[*i + 2]));
    *i += 2;
    return c;
  }
  return text[*i];
}

// "...?password=secret&a=b" -> "...?password=***&a=b", and libpq's other form, "password = secret
// host=h", whose value may be quoted: then all the rest is hidden.
std::string WithoutPasswordParameters(absl::string_view url) {
  constexpr absl::string_view kName = "password";
  std::string shown;
  std::string recent;  // what was read last, unescaped, in lower case
  for (size_t i = 0; i < url.size(); ++i) {
    const size_t from = i;
    const char c = Unescaped(url, &i);
    absl::StrAppend(&shown, url.substr(from, i + 1 - from));
    if (c != '=') {
      if (c != ' ') recent.push_back(absl::ascii_tolower(c));
      continue;
    }
    if (absl::EndsWith(recent, kName)) {
      size_t start = i + 1;
      while (start < url.size() && url[start] == ' ') ++start;
      const bool quoted = start < url.size() && url[start] == '\'';
      const size_t end = quoted ? url.size() : std::min(url.find_first_of("& ", start), url.size());
      if (end > start) shown += kHidden;
      i = end - 1;
    }
    recent.clear();
  }
  return shown;
}

}  // namespace

std::string RedactedUrl(absl::string_view url) {
  if (absl::StartsWith(url, "sqlite:///") || absl::StartsWith(url, "sqlite::")) {
    return std::string(url);
  }
  return WithoutPasswordParameters(WithoutUserPassword(std::string(url)));
}

std::string Redacted(const Option& option, absl::string_view value) {
  if (option.type == Type::kSecret) return value.empty() ? "" : kHidden;
  return option.type == Type::kUrl ? RedactedUrl(value) : std::string(value);
}

}  // namespace signalbox::options
