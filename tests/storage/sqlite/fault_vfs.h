#pragma once

#include <cstdint>

namespace signalbox::testing {

// SQLite's view of the disk, with failures to order: all SQLite files of the process that are
// opened while this is installed go through it. The operations that a fault can hit are counted
// from 1. A flush that does not fail does not reach the disk either, which would only take time:
// nobody cuts the power here. One at a time, for the life of the process's SQLite connections made
// under it. Safe from any thread.
class FaultVfs {
 public:
  enum class Fault {
    kFull,   // a write finds no room
    kError,  // a write, a flush or a truncation gives EIO
    kShort,  // half of a write is written, then it gives EIO
    kFlush,  // a flush gives EIO, nothing else does
    kRead,   // a read gives EIO
  };

  // Makes itself SQLite's default.
  FaultVfs();
  // Makes the system's own the default again.
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  // Starts counting anew: the `nth` operation fails with `fault`, and so do those that follow as
  // far as `count` goes.
  void FailAt(int64_t nth, Fault fault, int64_t count = 1);
  // Nothing fails any more.
  void Heal();
  // Whether an operation has failed since FailAt.
  bool Fired() const;
  // The operations since FailAt.
  int64_t Counted() const;
};

}  // namespace signalbox::testing
