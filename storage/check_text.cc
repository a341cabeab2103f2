#include "storage/check_text.h"

#include "base/utf8.h"
#include "storage/errors.h"

namespace signalbox {

bool IsText(absl::string_view text) {
  return text.find('\0') == absl::string_view::npos && Utf8PrefixLength(text) == text.size();
}

absl::Status CheckText(absl::string_view what, absl::string_view text, size_t limit) {
  if (text.size() > limit) return errors::TooLarge(what, text.size(), limit);
  if (!IsText(text)) return errors::NotText(what);
  return absl::OkStatus();
}

}  // namespace signalbox
