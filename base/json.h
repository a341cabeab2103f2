#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signalbox {

// A JSON value. Objects keep the order in which their keys were set; a number keeps the text it was
// read from, so that 1.10 stays 1.10. Values are copied as a whole. Safe to read from any thread.
class Json {
 public:
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };
  using Member = std::pair<std::string, Json>;

  Json() = default;                // null
  template <std::same_as<bool> T>  // a template, so that no pointer turns into a truth value
  Json(T value) : kind_(Kind::kBool), text_(value ? "true" : "false") {}
  Json(const char* value) : kind_(Kind::kString), text_(value) {}
  Json(std::string value) : kind_(Kind::kString), text_(std::move(value)) {}
  Json(absl::string_view value) : kind_(Kind::kString), text_(value) {}
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) Json(T value)
      : kind_(Kind::kNumber), text_(std::to_string(value)) {}
  // The shortest text that reads back as the same number. Infinity and NaN, which JSON lacks,
  // become strings, as in proto3 JSON.
  Json(double value);

  static Json Array(std::vector<Json> elements = {});
  static Json Object(std::vector<Member> members = {});

  // A number of which the text is known; it must be a JSON number.
  static Json Number(absl::string_view text);

  // Reads one JSON document of at most kMaxDepth levels.
  //   kInvalidArgument  it is not JSON, or a key stands twice in an object; the text names the line
  //                     and column
  static absl::StatusOr<Json> Parse(absl::string_view text);
  static constexpr int kMaxDepth = 200;

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_array() const { return kind_ == Kind::kArray; }
  bool is_object() const { return kind_ == Kind::kObject; }

  // A string's content, a number as text, "true" or "false"; "" for the others.
  const std::string& text() const { return text_; }
  // An array's elements; none for the others.
  const std::vector<Json>& elements() const { return elements_; }
  // An object's members in order; none for the others.
  const std::vector<Member>& members() const { return members_; }
  // The member `key` of an object, or null when there is none (or this is no object). Valid until
  // this value changes.
  const Json* Find(absl::string_view key) const;

  // Sets a member of an object, which a null becomes. Keeps the place of a key that is there
  // already.
  Json& Set(absl::string_view key, Json value);
  // Adds an element to an array, which a null becomes.
  Json& Append(Json value);

  // In one line, with no spaces. Bytes that are not UTF-8 are written as U+FFFD.
  std::string Dump() const;
  // Over many lines, indented by two spaces, with no newline at the end.
  std::string Pretty() const;

  friend bool operator==(const Json&, const Json&) = default;

 private:
  void Write(int indent, std::string* out) const;

  Kind kind_ = Kind::kNull;
  std::string text_;
  std::vector<Json> elements_;
  std::vector<Member> members_;
};

// Appends `text` to `out` as a JSON string with its quotes.
void AppendJsonString(absl::string_view text, std::string* out);

}  // namespace signalbox
