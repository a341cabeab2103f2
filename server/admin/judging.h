#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/error_details.h"
#include "storage/judge.h"
#include "storage/model/change_set.h"
#include "storage/model/revision.h"

namespace signalbox {

// What a change is judged with: a head, and a judge for changes on top of it.
struct Judging {
  Revision judged_on;
  uint64_t epoch = 0;  // that `judged_on` is of
  std::shared_ptr<const Judge> judge;
  // What the judge lets through and yet a person should know; its subjects are keys, as those of
  // the judge's violations. May be empty.
  std::function<std::vector<FieldViolation>(const ChangeSet& changes)> warnings = {};
};

// Gives the judge for the newest head. Safe from any thread.
//   kUnavailable  nothing is loaded yet, or the database cannot be reached
using JudgeSource = std::function<absl::StatusOr<Judging>()>;

}  // namespace signalbox
