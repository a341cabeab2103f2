#include "cli/plain_scalar.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace signalbox::cli {
namespace {

using google::protobuf::FieldDescriptor;

constexpr uint64_t kMaxExact = uint64_t{1} << 53;

PlainValue Text(absl::string_view text) {
  PlainValue plain;
  plain.value.set_string_value(std::string(text));
  return plain;
}

PlainValue Number(double number) {
  PlainValue plain;
  plain.value.set_number_value(number);
  return plain;
}

PlainValue Bool(bool value) {
  PlainValue plain;
  plain.value.set_bool_value(value);
  return plain;
}

PlainValue Error(std::string error) {
  PlainValue plain;
  plain.value.set_null_value(google::protobuf::NULL_VALUE);
  plain.error = std::move(error);
  return plain;
}

bool AllDigits(absl::string_view text) {
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty();
}

// `true`, `True` or `TRUE` for "true".
bool IsWord(absl::string_view text, absl::string_view word) {
  if (absl::AsciiStrToLower(text) != word) return false;
  return text == word || text == absl::AsciiStrToUpper(word) || text.substr(1) == word.substr(1);
}

std::optional<bool> CoreBool(absl::string_view text) {
  if (IsWord(text, "true")) return true;
  if (IsWord(text, "false")) return false;
  return std::nullopt;
}

// YAML 1.1's words too.
std::optional<bool> AnyBool(absl::string_view text) {
  for (const char* word : {"true", "yes", "on", "y"}) {
    if (IsWord(text, word)) return true;
  }
  for (const char* word : {"false", "no", "off", "n"}) {
    if (IsWord(text, word)) return false;
  }
  return std::nullopt;
}

// A whole number in one of YAML's ways to write it.
struct Whole {
  bool negative = false;
  bool leading_zero = false;  // decimal digits after a 0: octal to YAML 1.1, decimal to 1.2
  std::string
      digits;  // decimal, without sign and leading zeros; "" when there are too many to hold
};

std::optional<Whole> ParseWhole(absl::string_view text) {
  Whole whole;
  uint64_t magnitude = 0;
  const absl::string_view prefix = text.substr(0, 2);
  if (prefix == "0x" || prefix == "0o") {
    const uint64_t base = prefix == "0x" ? 16 : 8;
    text.remove_prefix(2);
    if (text.empty()) return std::nullopt;
    bool fits = true;
    for (char c : text) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
      const uint64_t digit =
          absl::ascii_isdigit(static_cast<unsigned char>(c))
              ? static_cast<uint64_t>(c - '0')
              : static_cast<uint64_t>(absl::ascii_tolower(static_cast<unsigned char>(c)) - 'a' +
                                      10);
      if (digit >= base) return std::nullopt;
      fits = fits && magnitude <= (std::numeric_limits<uint64_t>::max() - digit) / base;
      magnitude = magnitude * base + digit;
    }
    whole.digits = fits ? absl::StrCat(magnitude) : "";
    return whole;
  }
  whole.negative = absl::ConsumePrefix(&text, "-");
  if (!whole.negative) absl::ConsumePrefix(&text, "+");
  if (!AllDigits(text)) return std::nullopt;
  whole.leading_zero = text.size() > 1 && text[0] == '0';
  while (text.size() > 1 && text[0] == '0') text.remove_prefix(1);
  whole.digits = std::string(text);
  return whole;
}

// The number as a double, if every digit survives.
std::optional<double> Exactly(const Whole& whole) {
  uint64_t magnitude = 0;
  if (!absl::SimpleAtoi(whole.digits, &magnitude) || magnitude > kMaxExact) return std::nullopt;
  const double number = static_cast<double>(magnitude);
  return whole.negative ? -number : number;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
std::optional<double> ParseReal(absl::string_view text) {
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, "-")) absl::ConsumePrefix(&rest, "+");
  const size_t exponent = rest.find_first_of("eE");
  if (exponent != absl::string_view::npos) {
    absl::string_view power = rest.substr(exponent + 1);
    if (!absl::ConsumePrefix(&power, "-")) absl::ConsumePrefix(&power, "+");
    if (!AllDigits(power)) return std::nullopt;
    rest = rest.substr(0, exponent);
  }
  const size_t point = rest.find('.');
  const absl::string_view before = rest.substr(0, point);
  const absl::string_view after = point == absl::string_view::npos ? "" : rest.substr(point + 1);
  if (before.empty() && after.empty()) return std::nullopt;
  if (!before.empty() && !AllDigits(before)) return std::nullopt;
  if (!after.empty() && !AllDigits(after)) return std::nullopt;
  double number = 0;
  if (!absl::SimpleAtod(text, &number)) return std::nullopt;
  return number;
}

// proto3 JSON's word for `.inf`, `-.inf` and `.nan`; "" for anything else.
absl::string_view NoNumber(absl::string_view text) {
  absl::string_view rest = text;
  const bool negative = absl::ConsumePrefix(&rest, "-");
  if (!negative) absl::ConsumePrefix(&rest, "+");
  if (rest == ".inf" || rest == ".Inf" || rest == ".INF")
    return negative ? "-Infinity" : "Infinity";
  return text == ".nan" || text == ".NaN" || text == ".NAN" ? "NaN" : "";
}

PlainValue NumberField(absl::string_view text, bool whole_field) {
  if (const auto whole = ParseWhole(text)) {
    if (whole->leading_zero) {
      return Error(absl::StrCat(
          text, " is octal to some readers of YAML and decimal to others; write 0o",
          text.substr(text.find('0') + 1), " or ", whole->negative ? "-" : "", whole->digits));
    }
    if (whole->digits.empty()) return Text(text);
    if (const auto number = Exactly(*whole)) return Number(*number);
    return Text(absl::StrCat(whole->negative ? "-" : "", whole->digits));
  }
  if (!whole_field && !NoNumber(text).empty()) return Text(NoNumber(text));
  const auto real = ParseReal(text);
  return real && std::isfinite(*real) ? Number(*real) : Text(text);
}

}  // namespace

PlainValue PlainToField(const FieldDescriptor& field, absl::string_view text) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return NumberField(text, true);
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return NumberField(text, false);
    case FieldDescriptor::CPPTYPE_BOOL:
      if (const auto value = AnyBool(text)) return Bool(*value);
      return Text(text);
    case FieldDescriptor::CPPTYPE_ENUM:
      return AllDigits(text) ? NumberField(text, true) : Text(text);
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return Text(text);
}

PlainValue PlainToCore(absl::string_view text) {
  if (const auto value = CoreBool(text)) return Bool(*value);
  if (const auto whole = ParseWhole(text)) {
    if (const auto number = Exactly(*whole)) return Number(*number);
    return Error(absl::StrCat(
        text, " has more digits than a JSON number holds exactly; write it in quotes"));
  }
  if (!NoNumber(text).empty())
    return Error(absl::StrCat("JSON cannot write ", text, "; write it in quotes"));
  if (const auto real = ParseReal(text)) {
    if (std::isfinite(*real)) return Number(*real);
    return Error(absl::StrCat(text, " is larger than any JSON number; write it in quotes"));
  }
  return Text(text);
}

}  // namespace signalbox::cli
