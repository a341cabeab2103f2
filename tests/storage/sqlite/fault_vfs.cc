#include "tests/storage/sqlite/fault_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <limits>
#include <new>

#include "base/check.h"

namespace signalbox::testing {
namespace {

// The order of the day; SQLite's functions carry no pointer of ours to every call.
std::atomic<int64_t> operations{0};
std::atomic<int64_t> fail_from{std::numeric_limits<int64_t>::max()};
std::atomic<int64_t> fail_until{0};
std::atomic<FaultVfs::Fault> fault{FaultVfs::Fault::kError};
std::atomic<bool> fired{false};

enum class Operation { kRead, kWrite, kTruncate, kFlush };

bool CanHit(FaultVfs::Fault which, Operation operation) {
  switch (which) {
    case FaultVfs::Fault::kFull:
    case FaultVfs::Fault::kShort:
      return operation == Operation::kWrite;
    case FaultVfs::Fault::kFlush:
      return operation == Operation::kFlush;
    case FaultVfs::Fault::kRead:
      return operation == Operation::kRead;
    case FaultVfs::Fault::kError:
      return operation != Operation::kRead;
  }
  return false;
}

// The code that the operation which starts now gives, SQLITE_OK when it is to happen.
int Verdict(Operation operation, int error) {
  if (!CanHit(fault, operation)) return SQLITE_OK;
  const int64_t number = ++operations;
  if (number < fail_from || number >= fail_until) return SQLITE_OK;
  fired = true;
  return fault == FaultVfs::Fault::kFull ? SQLITE_FULL : error;
}

struct File {
  sqlite3_file base;
  sqlite3_file* real;  // right behind this struct
};

sqlite3_file* Real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real; }

const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = [](sqlite3_file* f) { return Real(f)->pMethods->xClose(Real(f)); },
    .xRead =
        [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
          const int verdict = Verdict(Operation::kRead, SQLITE_IOERR_READ);
          return verdict != SQLITE_OK ? verdict : Real(f)->pMethods->xRead(Real(f), to, n, at);
        },
    .xWrite =
        [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
          const int verdict = Verdict(Operation::kWrite, SQLITE_IOERR_WRITE);
          if (verdict == SQLITE_OK) return Real(f)->pMethods->xWrite(Real(f), from, n, at);
          if (fault == FaultVfs::Fault::kShort) {
            Real(f)->pMethods->xWrite(Real(f), from, n / 2, at);
          }
          return verdict;
        },
    .xTruncate =
        [](sqlite3_file* f, sqlite3_int64 size) {
          const int verdict = Verdict(Operation::kTruncate, SQLITE_IOERR_TRUNCATE);
          return verdict != SQLITE_OK ? verdict : Real(f)->pMethods->xTruncate(Real(f), size);
        },
    .xSync = [](sqlite3_file*, int) { return Verdict(Operation::kFlush, SQLITE_IOERR_FSYNC); },
    .xFileSize = [](sqlite3_file* f,
                    sqlite3_int64* size) { return Real(f)->pMethods->xFileSize(Real(f), size); },
    .xLock = [](sqlite3_file* f, int level) { return Real(f)->pMethods->xLock(Real(f), level); },
    .xUnlock = [](sqlite3_file* f,
                  int level) { return Real(f)->pMethods->xUnlock(Real(f), level); },
    .xCheckReservedLock =
        [](sqlite3_file* f, int* out) {
          return Real(f)->pMethods->xCheckReservedLock(Real(f), out);
        },
    .xFileControl = [](sqlite3_file* f, int op,
                       void* arg) { return Real(f)->pMethods->xFileControl(Real(f), op, arg); },
    .xSectorSize = [](sqlite3_file* f) { return Real(f)->pMethods->xSectorSize(Real(f)); },
    .xDeviceCharacteristics =
        [](sqlite3_file* f) { return Real(f)->pMethods->xDeviceCharacteristics(Real(f)); },
    .xShmMap =
        [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
          return Real(f)->pMethods->xShmMap(Real(f), page, size, extend, out);
        },
    .xShmLock = [](sqlite3_file* f, int offset, int n,
                   int flags) { return Real(f)->pMethods->xShmLock(Real(f), offset, n, flags); },
    .xShmBarrier = [](sqlite3_file* f) { Real(f)->pMethods->xShmBarrier(Real(f)); },
    .xShmUnmap = [](sqlite3_file* f,
                    int remove) { return Real(f)->pMethods->xShmUnmap(Real(f), remove); },
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

sqlite3_vfs* System() { return sqlite3_vfs_find("unix"); }

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  File* const ours = new (file) File{};
  ours->real = reinterpret_cast<sqlite3_file*>(ours + 1);
  const int code = System()->xOpen(System(), name, ours->real, flags, out_flags);
  ours->base.pMethods = code == SQLITE_OK ? &kMethods : nullptr;
  return code;
}

sqlite3_vfs* Ours() {
  static sqlite3_vfs* const vfs = [] {
    auto* const copy = new sqlite3_vfs(*System());
    copy->zName = "signalbox-faults";
    copy->szOsFile = static_cast<int>(sizeof(File)) + System()->szOsFile;
    copy->xOpen = Open;
    copy->pNext = nullptr;
    return copy;
  }();
  return vfs;
}

}  // namespace

FaultVfs::FaultVfs() {
  Heal();
  SB_CHECK(sqlite3_vfs_register(Ours(), /*makeDflt=*/1) == SQLITE_OK);
}

FaultVfs::~FaultVfs() { SB_CHECK(sqlite3_vfs_register(System(), /*makeDflt=*/1) == SQLITE_OK); }

void FaultVfs::FailAt(int64_t nth, Fault which, int64_t count) {
  fault = which;
  fired = false;
  operations = 0;
  fail_from = nth;
  fail_until = nth + count;
}

void FaultVfs::Heal() { fail_from = std::numeric_limits<int64_t>::max(); }

bool FaultVfs::Fired() const { return fired; }

int64_t FaultVfs::Counted() const { return operations; }

}  // namespace signalbox::testing
