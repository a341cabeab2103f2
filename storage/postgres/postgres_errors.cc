#include "storage/postgres/postgres_errors.h"

#include <postgresql/libpq-fe.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/errors.h"

namespace signalbox {
namespace {

absl::string_view FieldOf(const pg_result* result, int field) {
  const char* const text = PQresultErrorField(result, field);
  return text == nullptr ? absl::string_view() : absl::string_view(text);
}

// Classes of errors whose message may quote a value.
bool MayQuoteValues(absl::string_view state) {
  return absl::StartsWith(state, "22") || absl::StartsWith(state, "23") ||
         absl::StartsWith(state, "42") || absl::StartsWith(state, "P0");
}

bool IsOneOf(absl::string_view state, std::initializer_list<absl::string_view> states) {
  for (const absl::string_view one : states) {
    if (state == one) return true;
  }
  return false;
}

}  // namespace

PostgresFailure PostgresFailureOf(absl::string_view statement, const pg_result* result) {
  const absl::string_view state = FieldOf(result, PG_DIAG_SQLSTATE);
  const absl::string_view severity = FieldOf(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  std::string detail = absl::StrCat(statement, ": SQLSTATE ", state.empty() ? "unknown" : state);
  if (!MayQuoteValues(state)) {
    absl::StrAppend(&detail, ": ", FieldOf(result, PG_DIAG_MESSAGE_PRIMARY));
  } else if (const auto constraint = FieldOf(result, PG_DIAG_CONSTRAINT_NAME);
             !constraint.empty()) {
    absl::StrAppend(&detail, ": constraint ", constraint);
  }

  PostgresFailure failure;
  failure.connection_lost = severity == "FATAL" || severity == "PANIC";
  // 25P03: the server ended the session before it read what was sent last.
  if (IsOneOf(state, {"40001", "40P01", "55P03", "25P03"}) || absl::StartsWith(state, "23")) {
    failure.status = errors::StoreBusy(detail);
  } else if (state == "53100") {
    failure.status = errors::StoreFull(detail);
  } else if (IsOneOf(state, {"42P01", "3F000"})) {
    failure.status = errors::StoreDamaged(absl::StrCat(
        detail,
        ": a table is missing; the database is empty, another one, or damaged: look which "
        "one the URL names, and what `signalbox db status` says of it"));
  } else if (IsOneOf(state, {"XX001", "XX002", "58P01", "42703"})) {
    failure.status = errors::StoreDamaged(detail);
  } else if (state == "42501") {
    failure.status = errors::StoreUnfit(
        absl::StrCat(detail, ": grant the user all rights on the store's schemas"));
  } else {
    failure.status = errors::StoreUnavailable(detail);
    failure.host_unfit = state == "25006";
  }
  return failure;
}

}  // namespace signalbox
