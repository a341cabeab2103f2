#include "base/json.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace signalbox {
namespace {

void AppendUtf8(uint32_t point, std::string* out) {
  if (point < 0x80) {
    out->push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (point >> 6)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else if (point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (point >> 12)));
    out->push_back(static_cast<char>(0x80 | ((point >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | (point >> 18)));
    out->push_back(static_cast<char>(0x80 | ((point >> 12) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | ((point >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  }
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  absl::StatusOr<Json> Document() {
    SkipSpace();
    SB_ASSIGN_OR_RETURN(Json value, Value(1));
    SkipSpace();
    if (at_ < text_.size()) return Error("there is more after the end of the document");
    return value;
  }

 private:
  absl::Status Error(absl::string_view what) const {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at_ && i < text_.size(); ++i) {
      if (text_[i] == '\n') {
        ++line;
        column = 1;
      } else {
        ++column;
      }
    }
    return absl::InvalidArgumentError(absl::StrCat("line ", line, ", column ", column, ": ", what));
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void SkipSpace() {
    while (at_ < text_.size() &&
           (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r'))
      ++at_;
  }

  bool Take(absl::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  absl::StatusOr<Json> Value(int depth) {
    if (depth > Json::kMaxDepth)
      return Error(absl::StrCat("nested deeper than ", Json::kMaxDepth, " levels"));
    if (at_ >= text_.size()) return Error("the document ends where a value is expected");
    if (Take("{")) return Object(depth);
    if (Take("[")) return Array(depth);
    if (Peek() == '"') {
      SB_ASSIGN_OR_RETURN(std::string value, String());
      return Json(std::move(value));
    }
    if (Take("true")) return Json(true);
    if (Take("false")) return Json(false);
    if (Take("null")) return Json();
    return Number();
  }

  absl::StatusOr<Json> Object(int depth) {
    Json object = Json::Object();
    SkipSpace();
    if (Take("}")) return object;
    while (true) {
      SkipSpace();
      if (Peek() != '"') return Error("expected a key in double quotes");
      const size_t key_at = at_;
      SB_ASSIGN_OR_RETURN(const std::string key, String());
      if (object.Find(key) != nullptr) {
        at_ = key_at;
        return Error(absl::StrCat("the key \"", key, "\" stands twice"));
      }
      SkipSpace();
      if (!Take(":")) return Error("expected ':' after the key");
      SkipSpace();
      SB_ASSIGN_OR_RETURN(Json value, Value(depth + 1));
      object.Set(key, std::move(value));
      SkipSpace();
      if (Take("}")) return object;
      if (!Take(",")) return Error("expected ',' or '}'");
    }
  }

  absl::StatusOr<Json> Array(int depth) {
    Json array = Json::Array();
    SkipSpace();
    if (Take("]")) return array;
    while (true) {
      SkipSpace();
      SB_ASSIGN_OR_RETURN(Json value, Value(depth + 1));
      array.Append(std::move(value));
      SkipSpace();
      if (Take("]")) return array;
      if (!Take(",")) return Error("expected ',' or ']'");
    }
  }

  absl::StatusOr<Json> Number() {
    const size_t start = at_;
    if (Peek() == '-') ++at_;
    if (!IsDigit(Peek())) {
      at_ = start;
      return Error("expected a value");
    }
    if (Peek() == '0') {
      ++at_;
    } else {
      while (IsDigit(Peek())) ++at_;
    }
    if (Peek() == '.') {
      ++at_;
      if (!IsDigit(Peek())) return Error("expected a digit");
      while (IsDigit(Peek())) ++at_;
    }
    if (Peek() == 'e' || Peek() == 'E') {
      ++at_;
      if (Peek() == '+' || Peek() == '-') ++at_;
      if (!IsDigit(Peek())) return Error("expected a digit");
      while (IsDigit(Peek())) ++at_;
    }
    return Json::Number(text_.substr(start, at_ - start));
  }

  std::optional<uint32_t> HexDigits() {
    uint32_t value = 0;
    if (at_ + 4 > text_.size()) return std::nullopt;
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, begin + 4, value, 16);
    if (error != std::errc() || end != begin + 4) return std::nullopt;
    at_ += 4;
    return value;
  }

  absl::StatusOr<std::string> String() {
    ++at_;
    std::string value;
    while (true) {
      if (at_ >= text_.size()) return Error("the document ends within a string");
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return value;
      }
      if (static_cast<uint8_t>(c) < 0x20)
        return Error("a control character in a string must be escaped");
      if (c != '\\') {
        const size_t length = Utf8SequenceLength(text_.substr(at_));
        if (length == 0) return Error("a string that is not UTF-8");
        value.append(text_.data() + at_, length);
        at_ += length;
        continue;
      }
      ++at_;
      const char escape = Peek();
      ++at_;
      switch (escape) {
        case '"':
        case '\\':
        case '/':
          value.push_back(escape);
          break;
        case 'b':
          value.push_back('\b');
          break;
        case 'f':
          value.push_back('\f');
          break;
        case 'n':
          value.push_back('\n');
          break;
        case 'r':
          value.push_back('\r');
          break;
        case 't':
          value.push_back('\t');
          break;
        case 'u': {
          std::optional<uint32_t> point = HexDigits();
          if (point.has_value() && *point >= 0xD800 && *point < 0xDC00 && Take("\\u")) {
            const std::optional<uint32_t> low = HexDigits();
            const bool pair = low.has_value() && *low >= 0xDC00 && *low < 0xE000;
            point = pair ? std::optional(0x10000 + ((*point - 0xD800) << 10) + (*low - 0xDC00))
                         : std::nullopt;
          }
          if (!point.has_value() || (*point >= 0xD800 && *point < 0xE000))
            return Error("not a valid \\u escape");
          AppendUtf8(*point, &value);
          break;
        }
        default:
          --at_;
          return Error("not a valid escape");
      }
    }
  }

  const absl::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Json::Json(double value) {
  if (std::isfinite(value)) {
    char buffer[32];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
    kind_ = Kind::kNumber;
    text_.assign(buffer, end);
  } else {
    kind_ = Kind::kString;
    text_ = std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  }
}

Json Json::Array(std::vector<Json> elements) {
  Json array;
  array.kind_ = Kind::kArray;
  array.elements_ = std::move(elements);
  return array;
}

Json Json::Object(std::vector<Member> members) {
  Json object;
  object.kind_ = Kind::kObject;
  object.members_ = std::move(members);
  return object;
}

Json Json::Number(absl::string_view text) {
  Json number;
  number.kind_ = Kind::kNumber;
  number.text_ = std::string(text);
  return number;
}

absl::StatusOr<Json> Json::Parse(absl::string_view text) { return Parser(text).Document(); }

const Json* Json::Find(absl::string_view key) const {
  for (const Member& member : members_) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

Json& Json::Set(absl::string_view key, Json value) {
  SB_CHECK(is_null() || is_object());
  kind_ = Kind::kObject;
  for (Member& member : members_) {
    if (member.first == key) {
      member.second = std::move(value);
      return *this;
    }
  }
  members_.emplace_back(std::string(key), std::move(value));
  return *this;
}

Json& Json::Append(Json value) {
  SB_CHECK(is_null() || is_array());
  kind_ = Kind::kArray;
  elements_.push_back(std::move(value));
  return *this;
}

std::string Json::Dump() const {
  std::string out;
  Write(-1, &out);
  return out;
}

std::string Json::Pretty() const {
  std::string out;
  Write(0, &out);
  return out;
}

void Json::Write(int indent, std::string* out) const {
  const bool lines = indent >= 0;
  const int inner = lines ? indent + 2 : indent;
  const auto new_line = [&](int width) {
    if (lines) absl::StrAppend(out, "\n", std::string(static_cast<size_t>(width), ' '));
  };
  switch (kind_) {
    case Kind::kNull:
      out->append("null");
      return;
    case Kind::kBool:
    case Kind::kNumber:
      out->append(text_);
      return;
    case Kind::kString:
      AppendJsonString(text_, out);
      return;
    case Kind::kArray:
      out->push_back('[');
      for (size_t i = 0; i < elements_.size(); ++i) {
        if (i > 0) out->push_back(',');
        new_line(inner);
        elements_[i].Write(inner, out);
      }
      if (!elements_.empty()) new_line(indent);
      out->push_back(']');
      return;
    case Kind::kObject:
      out->push_back('{');
      for (size_t i = 0; i < members_.size(); ++i) {
        if (i > 0) out->push_back(',');
        new_line(inner);
        AppendJsonString(members_[i].first, out);
        out->append(lines ? ": " : ":");
        members_[i].second.Write(inner, out);
      }
      if (!members_.empty()) new_line(indent);
      out->push_back('}');
      return;
  }
}

void AppendJsonString(absl::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    const char c = text[0];
    if (length == 0) {
      out->append("\xEF\xBF\xBD");
    } else if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      out->append("\\n");
    } else if (c == '\r') {
      out->append("\\r");
    } else if (c == '\t') {
      out->append("\\t");
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      out->append("\\u00");
      out->push_back(kHex[static_cast<uint8_t>(c) >> 4]);
      out->push_back(kHex[c & 0xF]);
    } else {
      out->append(text.data(), length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out->push_back('"');
}

}  // namespace signalbox
