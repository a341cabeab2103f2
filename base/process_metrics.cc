#include "base/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/files.h"

namespace signalbox {
namespace {

constexpr size_t kMaxProcFileBytes = size_t{4} << 20;

// The fields of /proc/self/stat from the third on; the second, a name, may hold anything.
std::vector<std::string> StatFields() {
  const absl::StatusOr<std::string> text = ReadFile("/proc/self/stat", kMaxProcFileBytes);
  if (!text.ok()) return {};
  const size_t name_end = text->rfind(')');
  if (name_end == std::string::npos || name_end + 2 > text->size()) return {};
  return absl::StrSplit(text->substr(name_end + 2), ' ');
}

// A field by its number in proc(5).
std::optional<double> Field(const std::vector<std::string>& fields, size_t number) {
  double value = 0;
  if (number < 3 || number - 3 >= fields.size() || !absl::SimpleAtod(fields[number - 3], &value))
    return std::nullopt;
  return value;
}

// When the machine started, in seconds since the epoch.
std::optional<double> BootTime() {
  const absl::StatusOr<std::string> text = ReadFile("/proc/stat", kMaxProcFileBytes);
  if (!text.ok()) return std::nullopt;
  const size_t start = text->find("\nbtime ");
  if (start == std::string::npos) return std::nullopt;
  const size_t end = text->find('\n', start + 7);
  double value = 0;
  if (!absl::SimpleAtod(text->substr(start + 7, end - start - 7), &value)) return std::nullopt;
  return value;
}

std::optional<int> OpenDescriptors() {
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return std::nullopt;
  int count = -1;  // the directory itself
  while (const dirent* const entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(directory);
  return count;
}

}  // namespace

void CollectProcessMetrics(Samples* samples) {
  const std::vector<std::string> stat = StatFields();
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const double page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  const std::optional<double> user = Field(stat, 14), system = Field(stat, 15),
                              start = Field(stat, 22);
  if (user.has_value() && system.has_value())
    samples->Set(metrics::kProcessCpuSeconds, (*user + *system) / ticks);
  if (const std::optional<double> pages = Field(stat, 24))
    samples->Set(metrics::kProcessResidentMemory, *pages * page);
  const std::optional<double> boot = BootTime();
  if (start.has_value() && boot.has_value())
    samples->Set(metrics::kProcessStartTime, *boot + *start / ticks);
  if (const std::optional<int> open = OpenDescriptors())
    samples->Set(metrics::kProcessOpenFds, *open);
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    samples->Set(metrics::kProcessMaxFds, static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace signalbox
