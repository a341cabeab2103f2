#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace signalbox {

// One thing that is wrong with what a user sent.
struct FieldViolation {
  // The path of the field at fault, such as `load_assignment.endpoints[0].lb_endpoints`; "" when it
  // is no single field.
  std::string field;
  // What is wrong with it and what to do.
  std::string description;
  // Which resource `field` belongs to (ResourceKey::ToString()), where the path alone does not say;
  // else "".
  std::string subject;

  friend bool operator==(const FieldViolation&, const FieldViolation&) = default;

  // `subject: field: description`, without the parts that are "".
  std::string ToString() const;
};

// The status with the violations attached, in place of those it had. An OK status and an empty list
// change nothing.
absl::Status WithViolations(absl::Status status, const std::vector<FieldViolation>& violations);

// kInvalidArgument with the violations attached; the text is the first one, and says how many more
// there are. `violations` must not be empty.
absl::Status InvalidFields(const std::vector<FieldViolation>& violations);

// The violations attached to the status, in their order; none when nothing is attached.
std::vector<FieldViolation> ViolationsOf(const absl::Status& status);

// The status with a reason attached: a constant in UPPER_SNAKE_CASE that tells errors of one code
// apart for a program. An OK status is not changed.
absl::Status WithReason(absl::Status status, absl::string_view reason);

// The reason attached to the status, or "".
std::string ReasonOf(const absl::Status& status);

}  // namespace signalbox
