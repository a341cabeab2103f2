#pragma once

#include <functional>

#include "absl/strings/string_view.h"

namespace signalbox {

// Something about a store that a person must look into, while the store goes on: when it begins and
// when it is over.
enum class AlarmState { kRaised, kOver };

// Is told of alarms, on whichever thread meets one; must be quick, and must not call the store. May
// be null.
using AlarmObserver = std::function<void(AlarmState state, absl::string_view text)>;

}  // namespace signalbox
