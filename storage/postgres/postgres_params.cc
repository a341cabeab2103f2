#include "storage/postgres/postgres_params.h"

#include <limits>
#include <utility>

namespace signalbox {
namespace {

// The numbers of PostgreSQL's own types, which never change.
constexpr uint32_t kBool = 16;
constexpr uint32_t kBytea = 17;
constexpr uint32_t kInt8 = 20;
constexpr uint32_t kText = 25;
constexpr uint32_t kTimestamptz = 1184;
constexpr uint32_t kJsonb = 3802;
constexpr uint32_t kByteaArray = 1001;
constexpr uint32_t kTextArray = 1009;
constexpr uint32_t kInt8Array = 1016;
constexpr uint32_t kTimestamptzArray = 1185;

// 2000-01-01, from which PostgreSQL counts.
constexpr int64_t kEpochSeconds = 946684800;

void AppendInt32(uint32_t value, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

std::string Int64(int64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
  }
  return bytes;
}

// What PostgreSQL cannot say of a time is infinitely far away.
std::string Microseconds(absl::Time time) {
  constexpr int64_t kEnd = 9223371331200000000;    // in the year 294276
  constexpr int64_t kStart = -211813488000000000;  // 4714 BC
  const absl::Time epoch = absl::FromUnixSeconds(kEpochSeconds);
  if (time >= epoch + absl::Microseconds(kEnd)) return Int64(std::numeric_limits<int64_t>::max());
  if (time < epoch + absl::Microseconds(kStart)) return Int64(std::numeric_limits<int64_t>::min());
  return Int64(absl::ToUnixMicros(time) - kEpochSeconds * 1000000);
}

// The head of an array of one dimension.
std::string ArrayOf(uint32_t type, size_t count, size_t bytes) {
  std::string array;
  array.reserve(20 + 4 * count + bytes);
  AppendInt32(count == 0 ? 0 : 1, &array);  // dimensions
  AppendInt32(1, &array);                   // there may be NULLs
  AppendInt32(type, &array);
  if (count == 0) return array;
  AppendInt32(static_cast<uint32_t>(count), &array);
  AppendInt32(1, &array);  // the first index
  return array;
}

void AppendElement(absl::string_view value, std::string* array) {
  AppendInt32(static_cast<uint32_t>(value.size()), array);
  array->append(value.data(), value.size());
}

}  // namespace

PostgresParams& PostgresParams::Add(uint32_t type, std::optional<std::string> value) {
  types_.push_back(type);
  values_.push_back(std::move(value));
  return *this;
}

std::vector<const char*> PostgresParams::values() const {
  std::vector<const char*> values;
  for (const auto& value : values_) values.push_back(value.has_value() ? value->data() : nullptr);
  return values;
}

std::vector<int> PostgresParams::lengths() const {
  std::vector<int> lengths;
  for (const auto& value : values_)
    lengths.push_back(value.has_value() ? static_cast<int>(value->size()) : 0);
  return lengths;
}

PostgresParams& PostgresParams::Null() { return Add(0, std::nullopt); }

PostgresParams& PostgresParams::Int(int64_t value) { return Add(kInt8, Int64(value)); }

PostgresParams& PostgresParams::Text(absl::string_view value) {
  return Add(kText, std::string(value));
}

PostgresParams& PostgresParams::Bytes(absl::string_view value) {
  return Add(kBytea, std::string(value));
}

PostgresParams& PostgresParams::Time(absl::Time value) {
  return Add(kTimestamptz, Microseconds(value));
}

PostgresParams& PostgresParams::Json(absl::string_view value) {
  std::string json = "\1";  // the form's version
  json.append(value.data(), value.size());
  return Add(kJsonb, std::move(json));
}

PostgresParams& PostgresParams::Bool(bool value) {
  return Add(kBool, std::string(1, value ? '\1' : '\0'));
}

PostgresParams& PostgresParams::Ints(const std::vector<int64_t>& values) {
  std::string array = ArrayOf(kInt8, values.size(), 8 * values.size());
  for (const int64_t value : values) AppendElement(Int64(value), &array);
  return Add(kInt8Array, std::move(array));
}

PostgresParams& PostgresParams::Texts(const std::vector<absl::string_view>& values) {
  size_t bytes = 0;
  for (const absl::string_view value : values) bytes += value.size();
  std::string array = ArrayOf(kText, values.size(), bytes);
  for (const absl::string_view value : values) AppendElement(value, &array);
  return Add(kTextArray, std::move(array));
}

PostgresParams& PostgresParams::BytesArray(
    const std::vector<std::optional<absl::string_view>>& values) {
  size_t bytes = 0;
  for (const auto& value : values) bytes += value.has_value() ? value->size() : 0;
  std::string array = ArrayOf(kBytea, values.size(), bytes);
  for (const auto& value : values) {
    if (value.has_value()) {
      AppendElement(*value, &array);
    } else {
      AppendInt32(0xffffffff, &array);  // NULL
    }
  }
  return Add(kByteaArray, std::move(array));
}

PostgresParams& PostgresParams::Times(const std::vector<absl::Time>& values) {
  std::string array = ArrayOf(kTimestamptz, values.size(), 8 * values.size());
  for (const absl::Time value : values) AppendElement(Microseconds(value), &array);
  return Add(kTimestamptzArray, std::move(array));
}

}  // namespace signalbox
