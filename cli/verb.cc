#include "cli/verb.h"

namespace signalbox::cli {

const std::vector<std::string>* Arguments::Find(absl::string_view flag) const {
  const auto it = flags_.find(std::string(flag));
  return it == flags_.end() ? nullptr : &it->second;
}

std::optional<std::string> Arguments::Value(absl::string_view flag) const {
  const std::vector<std::string>* const values = Find(flag);
  if (values == nullptr) return std::nullopt;
  return values->back();
}

std::string Arguments::ValueOr(absl::string_view flag, absl::string_view otherwise) const {
  return Value(flag).value_or(std::string(otherwise));
}

std::vector<std::string> Arguments::Values(absl::string_view flag) const {
  const std::vector<std::string>* const values = Find(flag);
  return values == nullptr ? std::vector<std::string>() : *values;
}

}  // namespace signalbox::cli
