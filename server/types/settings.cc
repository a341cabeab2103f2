#include "server/types/settings.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/suggest.h"

namespace signalbox {
namespace {

constexpr absl::string_view kPrefix = "signalbox/";
constexpr absl::string_view kOnDemand = "signalbox/on-demand";
constexpr absl::string_view kTtl = "signalbox/ttl";
constexpr absl::string_view kVirtualHost = "virtual-host";

// A shorter one could not be kept alive over a pause of the server, a longer one is none.
constexpr absl::Duration kShortestTtl = absl::Seconds(1);
constexpr absl::Duration kLongestTtl = absl::Hours(24 * 365);

// What is wrong with a setting; "" when it was taken over.
std::string Take(absl::string_view short_name, absl::string_view key, const std::string& value,
                 ResourceSettings* settings) {
  if (key == kOnDemand) {
    if (short_name != kVirtualHost) {
      return absl::StrCat("is for virtual-host only: a ", short_name, " has no such setting");
    }
    if (value != "true" && value != "false")
      return absl::StrCat("is \"", value, "\"; it is true or false");
    settings->on_demand = value == "true";
    return "";
  }
  if (key != kTtl) {
    return absl::StrCat("there is no such setting",
                        DidYouMean(key, {std::string(kOnDemand), std::string(kTtl)}));
  }
  if (short_name == kVirtualHost) return "proxies do not keep virtual hosts by a time to live";
  absl::Duration ttl;
  if (!absl::ParseDuration(value, &ttl))
    return absl::StrCat("is \"", value, "\"; a duration is 1500ms, 30s, 5m");
  if (ttl < kShortestTtl || ttl > kLongestTtl) {
    return absl::StrCat("is ", value, "; it is between ", absl::FormatDuration(kShortestTtl),
                        " and ", absl::FormatDuration(kLongestTtl));
  }
  settings->ttl = ttl;
  return "";
}

}  // namespace

ResourceSettings ReadSettings(absl::string_view short_name,
                              const std::map<std::string, std::string>& annotations,
                              std::vector<SettingError>* errors) {
  ResourceSettings settings;
  for (const auto& [key, value] : annotations) {
    if (!absl::StartsWith(key, kPrefix)) continue;
    std::string wrong = Take(short_name, key, value, &settings);
    if (!wrong.empty() && errors != nullptr) errors->push_back({key, std::move(wrong)});
  }
  return settings;
}

}  // namespace signalbox
