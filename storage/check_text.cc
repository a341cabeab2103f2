#include "storage/check_text.h"

#include "base/utf8.h"
#include "storage/errors.h"

namespace signalbox {
namespace {

constexpr int64_t kYear10000Seconds = 253402300800;

}  // namespace

bool IsText(absl::string_view text) {
  return text.find('\0') == absl::string_view::npos && Utf8PrefixLength(text) == text.size();
}

absl::Status CheckText(absl::string_view what, absl::string_view text, size_t limit) {
  if (text.size() > limit) return errors::TooLarge(what, text.size(), limit);
  if (!IsText(text)) return errors::NotText(what);
  return absl::OkStatus();
}

std::string CutText(absl::string_view text, size_t limit) {
  absl::string_view cut = text.substr(0, limit);
  cut = cut.substr(0, cut.find('\0'));
  return std::string(cut.substr(0, Utf8PrefixLength(cut)));
}

absl::Status CheckTime(absl::string_view what, absl::Time time) {
  if (time >= absl::UnixEpoch() && time < absl::FromUnixSeconds(kYear10000Seconds)) {
    return absl::OkStatus();
  }
  return errors::NotWithin(what, "within the years 1970 to 9999");
}

}  // namespace signalbox
