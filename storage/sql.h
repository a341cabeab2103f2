#pragma once

#include <functional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signalbox {

// A statement's text beside its name, which errors and logs carry. Lives as long as the process.
struct Sql {
  const char* name;
  const char* text;
};

// Told of each statement that has run: its name and how long the database took. Called on the
// thread that ran it; must be quick and safe from several threads at once. May be null.
using StatementObserver = std::function<void(absl::string_view name, absl::Duration took)>;

}  // namespace signalbox
