#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expression` from the calling function unless it is OK.
#define SB_RETURN_IF_ERROR(expression)                            \
  do {                                                            \
    if (absl::Status sb_status = (expression); !sb_status.ok()) { \
      return sb_status;                                           \
    }                                                             \
  } while (false)

// Assigns the value of a StatusOr to `target` (which may declare a variable) or returns its status.
#define SB_ASSIGN_OR_RETURN(target, expression) \
  SB_ASSIGN_OR_RETURN_IMPL_(SB_CONCAT_(sb_status_or_, __LINE__), target, expression)

#define SB_CONCAT_INNER_(a, b) a##b
#define SB_CONCAT_(a, b) SB_CONCAT_INNER_(a, b)
#define SB_ASSIGN_OR_RETURN_IMPL_(result, target, expression) \
  auto result = (expression);                                 \
  if (!result.ok()) return result.status();                   \
  target = *std::move(result)
