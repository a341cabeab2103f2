#pragma once

#include <functional>
#include <string>

namespace signalbox {

// Who makes a request of the admin API.
struct Caller {
  // Stands in the history as the author: a user's name, or "unknown".
  std::string author = "unknown";
  // Where the caller is, for the audit log: "unix", an address.
  std::string source = "unix";
  // Whether the caller no longer waits: it hung up, or its deadline has passed. Asked before
  // anything is written. Empty: it waits.
  std::function<bool()> gone = {};
};

}  // namespace signalbox
