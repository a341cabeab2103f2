#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// A record's lists as JSON, as every backend stores them.
namespace signalbox {

// "[]", ["a","b"].
std::string StringsAsJson(const std::vector<std::string>& strings);
// "{}", {"a":"1","b":"2"}: sorted by the bytes of the keys.
std::string MapAsJson(const std::map<std::string, std::string>& map);

// The reverse. The text may have been laid out otherwise by the database.
//   kInvalidArgument  it is not JSON
absl::StatusOr<std::vector<std::string>> StringsFromJson(absl::string_view text);
absl::StatusOr<std::map<std::string, std::string>> MapFromJson(absl::string_view text);

}  // namespace signalbox
