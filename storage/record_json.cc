#include "storage/record_json.h"

#include "base/json.h"
#include "base/status_macros.h"

namespace signalbox {

std::string StringsAsJson(const std::vector<std::string>& strings) {
  std::string text = "[";
  for (const std::string& string : strings) {
    if (text.size() > 1) text += ',';
    AppendJsonString(string, &text);
  }
  return text += ']';
}

std::string MapAsJson(const std::map<std::string, std::string>& map) {
  std::string text = "{";
  for (const auto& [name, value] : map) {
    if (text.size() > 1) text += ',';
    AppendJsonString(name, &text);
    text += ':';
    AppendJsonString(value, &text);
  }
  return text += '}';
}

absl::StatusOr<std::vector<std::string>> StringsFromJson(absl::string_view text) {
  std::vector<std::string> strings;
  if (text == "[]") return strings;
  SB_ASSIGN_OR_RETURN(const Json json, Json::Parse(text));
  for (const Json& element : json.elements()) strings.push_back(element.text());
  return strings;
}

absl::StatusOr<std::map<std::string, std::string>> MapFromJson(absl::string_view text) {
  std::map<std::string, std::string> map;
  if (text == "{}") return map;
  SB_ASSIGN_OR_RETURN(const Json json, Json::Parse(text));
  for (const auto& [name, value] : json.members()) map.emplace(name, value.text());
  return map;
}

}  // namespace signalbox
