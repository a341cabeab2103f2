#pragma once

// Invariants of our own code. A broken one is a bug: the process prints where and aborts, so that a
// supervisor restarts it from what is durable. Never for input, disk or network: those return a
// status.
#define SB_CHECK(condition)                                     \
  do {                                                          \
    if (!(condition)) [[unlikely]]                              \
      ::signalbox::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

namespace signalbox {

// Prints the failed condition to stderr and aborts. Async-signal-safe enough to be called under any
// lock.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace signalbox
