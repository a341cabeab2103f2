#include "cli/find_envoy.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace signalbox::cli {
namespace {

bool IsProgram(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

// "1.40.0" as numbers: 1.9 is before 1.10. What is no number counts as 0.
std::vector<int> NumbersOf(absl::string_view version) {
  std::vector<int> numbers;
  for (const absl::string_view part : absl::StrSplit(version, '.')) {
    int number = 0;
    numbers.push_back(absl::SimpleAtoi(part, &number) ? number : 0);
  }
  return numbers;
}

}  // namespace

absl::StatusOr<std::string> FindEnvoy(const std::optional<std::string>& given,
                                      const std::map<std::string, std::string>& environment) {
  if (given.has_value()) {
    if (IsProgram(*given)) return std::filesystem::absolute(*given).string();
    return absl::NotFoundError(absl::StrCat("--envoy: there is no program ", *given));
  }
  const auto variable = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  for (const absl::string_view folder : absl::StrSplit(variable("PATH"), ':', absl::SkipEmpty())) {
    const std::string path = absl::StrCat(folder, "/envoy");
    if (IsProgram(path)) return path;
  }
  std::string cache = variable("XDG_CACHE_HOME");
  if (cache.empty()) cache = absl::StrCat(variable("HOME"), "/.cache");
  std::pair<std::vector<int>, std::string> newest;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(cache + "/signalbox", error)) {
    const std::string folder = entry.path().filename().string();
    const std::string path = entry.path().string() + "/envoy";
    absl::string_view version = folder;
    if (!absl::ConsumePrefix(&version, "envoy-") || !IsProgram(path)) continue;
    newest = std::max(newest, {NumbersOf(version), path});
  }
  if (newest.second.empty())
    return absl::NotFoundError("there is no Envoy on PATH nor in the cache folder");
  return newest.second;
}

}  // namespace signalbox::cli
