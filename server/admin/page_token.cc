#include "server/admin/page_token.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "server/admin/errors.h"
#include "server/admin/limits.h"

namespace signalbox {
namespace {

void AppendPart(absl::string_view part, std::string* out) {
  absl::StrAppend(out, part.size(), ":", part);
}

std::string Prefix(const std::vector<std::string>& list) {
  std::string prefix;
  for (const std::string& part : list) AppendPart(part, &prefix);
  return absl::StrCat(prefix, ";");
}

bool TakePart(absl::string_view* in, std::string* part) {
  size_t size = 0;
  size_t digits = 0;
  while (digits < in->size() && digits < 7 && (*in)[digits] >= '0' && (*in)[digits] <= '9') {
    size = size * 10 + static_cast<size_t>((*in)[digits++] - '0');
  }
  if (digits == 0 || digits == in->size() || (*in)[digits] != ':' || in->size() - digits - 1 < size)
    return false;
  *part = std::string(in->substr(digits + 1, size));
  in->remove_prefix(digits + 1 + size);
  return true;
}

}  // namespace

std::string MakePageToken(const std::vector<std::string>& list,
                          const std::vector<std::string>& position) {
  std::string token = Prefix(list);
  for (const std::string& part : position) AppendPart(part, &token);
  return absl::WebSafeBase64Escape(token);
}

absl::StatusOr<std::vector<std::string>> ParsePageToken(absl::string_view token,
                                                        const std::vector<std::string>& list,
                                                        size_t parts) {
  std::string decoded;
  if (!absl::WebSafeBase64Unescape(token, &decoded)) return errors::BadPageToken();
  const std::string prefix = Prefix(list);
  if (decoded.compare(0, prefix.size(), prefix) != 0) return errors::BadPageToken();
  absl::string_view in(decoded);
  in.remove_prefix(prefix.size());
  std::vector<std::string> position(parts);
  for (std::string& part : position) {
    if (!TakePart(&in, &part)) return errors::BadPageToken();
  }
  if (!in.empty()) return errors::BadPageToken();
  return position;
}

absl::StatusOr<int> PageSize(int asked) {
  if (asked < 0) return InvalidFields({{"page_size", "must not be negative", ""}});
  return asked == 0 ? limits::kDefaultPageSize : std::min(asked, limits::kMaxListSize);
}

}  // namespace signalbox
