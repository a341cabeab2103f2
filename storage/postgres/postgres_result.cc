#include "storage/postgres/postgres_result.h"

#include <postgresql/libpq-fe.h>

#include <algorithm>

#include "absl/strings/numbers.h"

namespace signalbox {
namespace {

constexpr int64_t kEpochSeconds = 946684800;  // 2000-01-01, from which PostgreSQL counts

}  // namespace

bool PostgresRow::IsNull(int column) const { return PQgetisnull(result_, row_, column) != 0; }

absl::string_view PostgresRow::Bytes(int column) const {
  return {PQgetvalue(result_, row_, column),
          static_cast<size_t>(PQgetlength(result_, row_, column))};
}

absl::string_view PostgresRow::Text(int column) const { return Bytes(column); }

int64_t PostgresRow::Int(int column) const {
  const absl::string_view bytes = Bytes(column);
  if (bytes.empty() || bytes.size() > 8) return 0;
  // The sign of the first byte goes on to the left.
  uint64_t value = static_cast<signed char>(bytes.front()) < 0 ? ~uint64_t{0} : 0;
  for (const char c : bytes) value = (value << 8) | static_cast<unsigned char>(c);
  return static_cast<int64_t>(value);
}

bool PostgresRow::Bool(int column) const { return Int(column) != 0; }

absl::string_view PostgresRow::Json(int column) const {
  absl::string_view bytes = Bytes(column);
  if (!bytes.empty()) bytes.remove_prefix(1);  // the form's version
  return bytes;
}

absl::Time PostgresRow::Time(int column) const {
  return absl::FromUnixSeconds(kEpochSeconds) + absl::Microseconds(Int(column));
}

Digest PostgresRow::DigestAt(int column) const {
  Digest digest;
  const absl::string_view bytes = Bytes(column);
  if (bytes.size() == digest.bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  }
  return digest;
}

int PostgresResult::rows() const { return PQntuples(result_.get()); }

int64_t PostgresResult::changed_rows() const {
  int64_t count = 0;
  // libpq takes no const here, though it only reads.
  if (!absl::SimpleAtoi(PQcmdTuples(result_.get()), &count)) return 0;
  return count;
}

void PostgresResult::Clear::operator()(pg_result* result) const { PQclear(result); }

}  // namespace signalbox
