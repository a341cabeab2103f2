#include "server/descriptors/json_scalar.h"

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "base/suggest.h"

namespace signalbox {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Value;

// Beyond it not every whole number is a double.
constexpr double kMaxExact = 9007199254740992.0;  // 2^53
// What google.protobuf.Duration holds: 10,000 years.
constexpr int64_t kMaxDurationSeconds = 315576000000;
constexpr size_t kMaxShownText = 60;

std::string Shown(absl::string_view text) {
  if (text.size() > kMaxShownText)
    return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kMaxShownText)), "…\"");
  return absl::StrCat("\"", text, "\"");
}

std::string Shown(double number) {
  if (std::abs(number) < 1e18 && std::trunc(number) == number)
    return absl::StrCat(static_cast<int64_t>(number));
  return absl::StrFormat("%.15g", number);
}

std::string Expected(absl::string_view what, const Value& value) {
  return absl::StrCat("expected ", what, ", found ", DescribeJson(value));
}

template <typename T>
std::string OutOfRange(absl::string_view shown, absl::string_view type) {
  return absl::StrCat(shown, " is out of range: ", type, " holds ", std::numeric_limits<T>::min(),
                      " to ", std::numeric_limits<T>::max());
}

// Digits with at most a sign and no leading zero.
bool IsDecimal(absl::string_view text) {
  absl::ConsumePrefix(&text, "-");
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

template <typename T>
std::string CheckWholeText(absl::string_view text, absl::string_view type) {
  if (!IsDecimal(text)) return absl::StrCat(Shown(text), " is not a whole number");
  T parsed;
  return absl::SimpleAtoi(text, &parsed) ? "" : OutOfRange<T>(text, type);
}

template <typename T>
std::string CheckWhole(const Value& value, absl::string_view type) {
  if (value.kind_case() == Value::kStringValue)
    return CheckWholeText<T>(value.string_value(), type);
  if (value.kind_case() != Value::kNumberValue) return Expected("a whole number", value);
  const double number = value.number_value();
  if (std::trunc(number) != number || std::isinf(number))
    return absl::StrCat(Shown(number), " is not a whole number");
  if (sizeof(T) == 8 && std::abs(number) > kMaxExact) {
    return absl::StrCat(Shown(number),
                        " is more than a JSON number holds exactly: write it in quotes");
  }
  if (number < static_cast<double>(std::numeric_limits<T>::min()) ||
      number > static_cast<double>(std::numeric_limits<T>::max())) {
    return OutOfRange<T>(Shown(number), type);
  }
  return "";
}

std::string CheckReal(const Value& value, double max, absl::string_view type) {
  double number = value.number_value();
  if (value.kind_case() == Value::kStringValue) {
    const std::string& text = value.string_value();
    if (text == "NaN" || text == "Infinity" || text == "-Infinity") return "";
    if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) {
      return absl::StrCat(Shown(text), " is not a number");
    }
  } else if (value.kind_case() != Value::kNumberValue) {
    return Expected("a number", value);
  }
  return std::abs(number) > max ? absl::StrCat(Shown(number), " is out of range of a ", type) : "";
}

std::string CheckEnum(const EnumDescriptor& type, const Value& value) {
  if (type.full_name() == "google.protobuf.NullValue") {
    return value.kind_case() == Value::kNullValue ? "" : Expected("null", value);
  }
  if (value.kind_case() == Value::kNumberValue) {
    const double number = value.number_value();
    const bool is_int =
        std::trunc(number) == number && std::abs(number) <= std::numeric_limits<int>::max();
    if (is_int && type.FindValueByNumber(static_cast<int>(number)) != nullptr) return "";
    return absl::StrCat("unknown value ", Shown(number), " of ", type.full_name());
  }
  if (value.kind_case() != Value::kStringValue) return Expected("the name of an enum value", value);
  if (type.FindValueByName(value.string_value()) != nullptr) return "";
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) names.push_back(type.value(i)->name());
  return absl::StrCat("unknown value ", Shown(value.string_value()), " of ", type.full_name(),
                      DidYouMean(absl::AsciiStrToUpper(value.string_value()), names));
}

std::string CheckBytes(const Value& value) {
  if (value.kind_case() != Value::kStringValue) return Expected("bytes in base64", value);
  std::string bytes;
  if (absl::Base64Unescape(value.string_value(), &bytes)) return "";
  if (absl::WebSafeBase64Unescape(value.string_value(), &bytes)) return "";
  return absl::StrCat(Shown(value.string_value()), " is not base64");
}

}  // namespace

std::string DescribeJson(const Value& value) {
  switch (value.kind_case()) {
    case Value::kNullValue:
      return "null";
    case Value::kNumberValue:
      return absl::StrCat("the number ", Shown(value.number_value()));
    case Value::kStringValue:
      return absl::StrCat("the text ", Shown(value.string_value()));
    case Value::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case Value::kStructValue:
      return "an object";
    case Value::kListValue:
      return "a list";
    case Value::KIND_NOT_SET:
      break;
  }
  return "nothing";
}

std::string CheckScalar(const FieldDescriptor& field, const Value& value) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return CheckWhole<int32_t>(value, "int32");
    case FieldDescriptor::CPPTYPE_INT64:
      return CheckWhole<int64_t>(value, "int64");
    case FieldDescriptor::CPPTYPE_UINT32:
      return CheckWhole<uint32_t>(value, "uint32");
    case FieldDescriptor::CPPTYPE_UINT64:
      return CheckWhole<uint64_t>(value, "uint64");
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return CheckReal(value, DBL_MAX, "double");
    case FieldDescriptor::CPPTYPE_FLOAT:
      return CheckReal(value, FLT_MAX, "float");
    case FieldDescriptor::CPPTYPE_BOOL:
      return value.kind_case() == Value::kBoolValue ? "" : Expected("true or false", value);
    case FieldDescriptor::CPPTYPE_ENUM:
      return CheckEnum(*field.enum_type(), value);
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() == FieldDescriptor::TYPE_BYTES) return CheckBytes(value);
      return value.kind_case() == Value::kStringValue ? "" : Expected("a string", value);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return "";
}

std::string CheckMapKey(const FieldDescriptor& key_field, absl::string_view key) {
  switch (key_field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return CheckWholeText<int32_t>(key, "int32");
    case FieldDescriptor::CPPTYPE_INT64:
      return CheckWholeText<int64_t>(key, "int64");
    case FieldDescriptor::CPPTYPE_UINT32:
      return CheckWholeText<uint32_t>(key, "uint32");
    case FieldDescriptor::CPPTYPE_UINT64:
      return CheckWholeText<uint64_t>(key, "uint64");
    case FieldDescriptor::CPPTYPE_BOOL:
      return key == "true" || key == "false"
                 ? ""
                 : absl::StrCat("the key must be true or false, not ", Shown(key));
    default:
      return "";
  }
}

std::string CheckDuration(const Value& value) {
  if (value.kind_case() != Value::kStringValue)
    return Expected("a duration such as \"0.25s\"", value);
  const std::string wrong = absl::StrCat(
      Shown(value.string_value()),
      " is not a duration: write seconds and \"s\", at most 9 decimals, such as \"0.25s\"");
  absl::string_view text = value.string_value();
  if (!absl::ConsumeSuffix(&text, "s")) return wrong;
  absl::ConsumePrefix(&text, "-");
  const size_t point = text.find('.');
  const absl::string_view whole = text.substr(0, point);
  const absl::string_view decimals =
      point == absl::string_view::npos ? "0" : text.substr(point + 1);
  if (whole.empty() || decimals.empty() || decimals.size() > 9) return wrong;
  for (absl::string_view part : {whole, decimals}) {
    for (char c : part) {
      if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return wrong;
    }
  }
  int64_t seconds = 0;
  if (!absl::SimpleAtoi(whole, &seconds) || seconds > kMaxDurationSeconds) {
    return absl::StrCat(Shown(value.string_value()), " is out of range: a duration is at most ",
                        kMaxDurationSeconds, "s");
  }
  return "";
}

std::string CheckTimestamp(const Value& value) {
  if (value.kind_case() != Value::kStringValue)
    return Expected("a time such as \"2006-01-02T15:04:05Z\"", value);
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, value.string_value(), &time, &error)) return "";
  return absl::StrCat(Shown(value.string_value()),
                      " is not a time such as \"2006-01-02T15:04:05Z\"");
}

}  // namespace signalbox
