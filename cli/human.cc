#include "cli/human.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace signalbox::cli {

std::string HumanDuration(absl::Duration duration) {
  struct Unit {
    int64_t seconds;
    const char* name;
  };
  constexpr Unit kUnits[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(duration));
  for (const Unit* unit = kUnits; unit->seconds > 1; ++unit) {
    if (seconds < unit->seconds) continue;
    const int64_t rest = seconds % unit->seconds / unit[1].seconds;
    return absl::StrCat(seconds / unit->seconds, unit->name,
                        rest == 0 ? "" : absl::StrCat(rest, unit[1].name));
  }
  return absl::StrCat(seconds, "s");
}

std::string HumanBytes(int64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  double number = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"kB", "MB", "GB", "TB"}) {
    if (number < 999.5) break;
    number /= 1000;
    unit = next;
  }
  return number < 9.95 ? absl::StrFormat("%.1f %s", number, unit)
                       : absl::StrFormat("%.0f %s", number, unit);
}

}  // namespace signalbox::cli
