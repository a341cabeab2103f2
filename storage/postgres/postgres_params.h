#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// For storage/postgres and its tests only: no other room includes this.
namespace signalbox {

// The values of one statement, $1 first, in PostgreSQL's binary form: bodies of any bytes are never
// escaped or parsed. Values are copied. An array is one value, so that a statement's text and their
// number do not grow with what is written: `FROM unnest($1::text[], $2::bytea[])`.
class PostgresParams {
 public:
  PostgresParams& Int(int64_t value);              // bigint
  PostgresParams& Text(absl::string_view value);   // text
  PostgresParams& Bytes(absl::string_view value);  // bytea
  PostgresParams& Time(absl::Time value);          // timestamptz, rounded down to microseconds
  PostgresParams& Json(absl::string_view value);   // jsonb
  PostgresParams& Bool(bool value);                // boolean

  PostgresParams& Null();  // NULL of the type that the statement casts it to

  // Arrays; a missing element is NULL.
  PostgresParams& Ints(const std::vector<int64_t>& values);
  PostgresParams& Texts(const std::vector<absl::string_view>& values);
  PostgresParams& BytesArray(const std::vector<std::optional<absl::string_view>>& values);
  PostgresParams& Times(const std::vector<absl::Time>& values);

  // What libpq takes.
  int count() const { return static_cast<int>(values_.size()); }
  const std::vector<uint32_t>& types() const { return types_; }
  // Null for NULL; valid until the next value is added.
  std::vector<const char*> values() const;
  std::vector<int> lengths() const;

 private:
  PostgresParams& Add(uint32_t type, std::optional<std::string> value);

  std::vector<uint32_t> types_;
  std::vector<std::optional<std::string>> values_;
};

}  // namespace signalbox
