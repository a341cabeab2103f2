#include "base/error_details.h"

#include <cstdint>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace signalbox {
namespace {

constexpr absl::string_view kViolationsUrl = "signalbox/field-violations";
constexpr absl::string_view kReasonUrl = "signalbox/reason";

// Each part as its length in four bytes, then its bytes.
void AppendPart(absl::string_view part, std::string* out) {
  const auto size = static_cast<uint32_t>(part.size());
  for (int shift = 0; shift < 32; shift += 8)
    out->push_back(static_cast<char>(size >> shift & 0xff));
  absl::StrAppend(out, part);
}

std::string TakePart(absl::string_view* in) {
  SB_CHECK(in->size() >= 4);
  uint32_t size = 0;
  for (int i = 0; i < 4; ++i) size |= uint32_t{static_cast<unsigned char>((*in)[i])} << (8 * i);
  in->remove_prefix(4);
  SB_CHECK(in->size() >= size);
  std::string part(in->substr(0, size));
  in->remove_prefix(size);
  return part;
}

}  // namespace

std::string FieldViolation::ToString() const {
  return absl::StrCat(subject, subject.empty() ? "" : ": ", field, field.empty() ? "" : ": ",
                      description);
}

absl::Status WithViolations(absl::Status status, const std::vector<FieldViolation>& violations) {
  if (violations.empty()) return status;
  std::string encoded;
  for (const FieldViolation& violation : violations) {
    AppendPart(violation.field, &encoded);
    AppendPart(violation.description, &encoded);
    AppendPart(violation.subject, &encoded);
  }
  status.SetPayload(kViolationsUrl, absl::Cord(std::move(encoded)));
  return status;
}

absl::Status InvalidFields(const std::vector<FieldViolation>& violations) {
  SB_CHECK(!violations.empty());
  std::string text = violations.front().ToString();
  if (violations.size() > 1) absl::StrAppend(&text, " (and ", violations.size() - 1, " more)");
  return WithViolations(absl::InvalidArgumentError(text), violations);
}

std::vector<FieldViolation> ViolationsOf(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const auto payload = status.GetPayload(kViolationsUrl);
  if (!payload.has_value()) return violations;
  const std::string encoded(*payload);
  absl::string_view in = encoded;
  while (!in.empty()) {
    FieldViolation& violation = violations.emplace_back();
    violation.field = TakePart(&in);
    violation.description = TakePart(&in);
    violation.subject = TakePart(&in);
  }
  return violations;
}

absl::Status WithReason(absl::Status status, absl::string_view reason) {
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace signalbox
