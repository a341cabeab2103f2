#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/hash.h"

struct pg_result;

// For storage/postgres and its tests only: no other room includes this.
namespace signalbox {

// One row of an answer; columns are read from 0. Valid as long as the result that it is of. A
// column of another type than the one asked for, or NULL, reads as 0, "" or zeros.
class PostgresRow {
 public:
  PostgresRow(const pg_result* result, int row) : result_(result), row_(row) {}

  bool IsNull(int column) const;
  int64_t Int(int column) const;              // bigint, integer, smallint
  bool Bool(int column) const;                // boolean
  absl::string_view Text(int column) const;   // text
  absl::string_view Bytes(int column) const;  // bytea
  absl::string_view Json(int column) const;   // jsonb, as text
  absl::Time Time(int column) const;          // timestamptz
  // The digest in a bytea of 32 bytes. Another number of bytes (a damaged row) gives one that
  // matches nothing real: zeros.
  Digest DigestAt(int column) const;

 private:
  const pg_result* result_;
  int row_;
};

// The answer to one statement, in the binary form that the connection asks for.
class PostgresResult {
 public:
  // Takes `result` over.
  explicit PostgresResult(pg_result* result) : result_(result) {}

  int rows() const;
  // `row` is below rows().
  PostgresRow operator[](int row) const { return {result_.get(), row}; }
  // Rows that an INSERT, UPDATE or DELETE changed.
  int64_t changed_rows() const;

  const pg_result* get() const { return result_.get(); }

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

}  // namespace signalbox
