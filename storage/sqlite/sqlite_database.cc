#include "storage/sqlite/sqlite_database.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/sqlite/how_to_restore.h"
#include "storage/sqlite/sqlite_version.h"

namespace signalbox {
namespace {

using Access = SqliteConnection::Access;
using CheckpointMode = SqliteConnection::CheckpointMode;

// A write-ahead log larger than this makes the slowest commits slower.
constexpr int64_t kLogBytes = int64_t{4} << 20;
// Readers that never pause let the log grow to here; then the writer waits for them.
constexpr int64_t kLogBytesMax = int64_t{64} << 20;
constexpr int64_t kPageBytes = 4096;
// Without a write for this long the log is moved into the file.
constexpr std::chrono::milliseconds kIdle(500);
// A checkpoint that readers held up or that failed is tried again after this.
constexpr std::chrono::seconds kCheckpointAgain(1);

enum class AppliesTo { kAll, kFiles, kWriter, kReaders, kFull, kNormal };

struct Setting {
  Sql set;
  Sql read;
  absl::string_view expected;
  AppliesTo applies_to;
};

constexpr Setting kSettings[] = {
    {{"set busy_timeout", "PRAGMA busy_timeout = 5000"},
     {"read busy_timeout", "PRAGMA busy_timeout"},
     "5000",
     AppliesTo::kAll},
    {{"set journal_mode", "PRAGMA journal_mode = WAL"},
     {"read journal_mode", "PRAGMA journal_mode"},
     "wal",
     AppliesTo::kFiles},
    {{"set synchronous", "PRAGMA synchronous = FULL"},
     {"read synchronous", "PRAGMA synchronous"},
     "2",
     AppliesTo::kFull},
    {{"set synchronous", "PRAGMA synchronous = NORMAL"},
     {"read synchronous", "PRAGMA synchronous"},
     "1",
     AppliesTo::kNormal},
    {{"set foreign_keys", "PRAGMA foreign_keys = ON"},
     {"read foreign_keys", "PRAGMA foreign_keys"},
     "1",
     AppliesTo::kAll},
    {{"set wal_autocheckpoint", "PRAGMA wal_autocheckpoint = 0"},
     {"read wal_autocheckpoint", "PRAGMA wal_autocheckpoint"},
     "0",
     AppliesTo::kFiles},
    {{"set journal_size_limit", "PRAGMA journal_size_limit = 67108864"},
     {"read journal_size_limit", "PRAGMA journal_size_limit"},
     "67108864",
     AppliesTo::kFiles},
    {{"set mmap_size", "PRAGMA mmap_size = 0"},
     {"read mmap_size", "PRAGMA mmap_size"},
     "0",
     AppliesTo::kFiles},
    // KiB, taken as pages are used; SQLite's own 2,000 read the hashes' indexes again and again.
    {{"set cache_size", "PRAGMA cache_size = -32768"},
     {"read cache_size", "PRAGMA cache_size"},
     "-32768",
     AppliesTo::kWriter},
    {{"set cache_size", "PRAGMA cache_size = -8192"},
     {"read cache_size", "PRAGMA cache_size"},
     "-8192",
     AppliesTo::kReaders},
    {{"set temp_store", "PRAGMA temp_store = MEMORY"},
     {"read temp_store", "PRAGMA temp_store"},
     "2",
     AppliesTo::kAll},
    {{"set trusted_schema", "PRAGMA trusted_schema = OFF"},
     {"read trusted_schema", "PRAGMA trusted_schema"},
     "0",
     AppliesTo::kAll},
    {{"set cell_size_check", "PRAGMA cell_size_check = ON"},
     {"read cell_size_check", "PRAGMA cell_size_check"},
     "1",
     AppliesTo::kAll},
    {{"set query_only", "PRAGMA query_only = ON"},
     {"read query_only", "PRAGMA query_only"},
     "1",
     AppliesTo::kReaders},
};

constexpr Sql kApplicationId = {"application_id", "PRAGMA application_id"};
constexpr Sql kTableCount = {"table_count", "SELECT count(*) FROM sqlite_schema"};
constexpr Sql kQuickCheck = {"quick_check", "PRAGMA quick_check(5)"};
constexpr Sql kSizeInMemory = {
    "size_in_memory", "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"};

// File systems whose locks or shared memory do not hold across machines, from linux/magic.h and
// their own sources.
struct NetworkFileSystem {
  uint32_t magic;
  absl::string_view name;
};
constexpr NetworkFileSystem kNetworkFileSystems[] = {
    {0x6969, "NFS"},      {0x517B, "SMB"},     {0xFF534D42, "CIFS"},
    {0xFE534D42, "SMB2"}, {0x5346414F, "AFS"}, {0x73757245, "Coda"},
    {0x00C36400, "Ceph"}, {0x01021997, "9P"},  {0x0BD00BD0, "Lustre"},
};

absl::Status CheckFileSystem(const std::string& path, std::optional<uint32_t> magic) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  struct statfs info;
  if (::statfs(directory.c_str(), &info) != 0) {
    return errors::StoreUnfit(
        absl::StrCat("cannot look at ", directory, ": ", std::strerror(errno)));
  }
  const uint32_t found = magic.value_or(static_cast<uint32_t>(info.f_type));
  for (const NetworkFileSystem& network : kNetworkFileSystems) {
    if (found == network.magic) {
      return errors::StoreUnfit(
          absl::StrCat(directory, " is on a network file system (", network.name,
                       "), where SQLite's locks do not hold: use a local disk, or PostgreSQL"));
    }
  }
  return absl::OkStatus();
}

// How long a write-ahead log was not moved into the file.
class HeldLog {
 public:
  explicit HeldLog(absl::Duration patience) : patience_(patience) {}

  // After a checkpoint; what is to be told of it.
  std::optional<AlarmState> After(bool complete) {
    if (complete) {
      since_ = absl::InfiniteFuture();
      return std::exchange(raised_, false) ? std::optional(AlarmState::kOver) : std::nullopt;
    }
    const absl::Time now = SystemClock().Monotonic();
    since_ = std::min(since_, now);
    if (raised_ || now - since_ < patience_) return std::nullopt;
    raised_ = true;
    return AlarmState::kRaised;
  }

 private:
  const absl::Duration patience_;
  absl::Time since_ = absl::InfiniteFuture();
  bool raised_ = false;
};

// Makes the file, empty and for the owner only, unless it is there.
absl::Status MakeFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return errors::StoreUnfit(absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  ::close(fd);
  return absl::OkStatus();
}

int64_t FileBytes(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

absl::StatusOr<std::string> ReadText(SqliteConnection* connection, const Sql& sql) {
  SqliteQuery query(connection, sql);
  std::string text;
  if (query.Step()) text = std::string(query.Text(0));
  SB_RETURN_IF_ERROR(query.status());
  return text;
}

bool Applies(AppliesTo what, const SqliteDatabase::Options& options, Access access) {
  switch (what) {
    case AppliesTo::kAll:
      return true;
    case AppliesTo::kFiles:
      return !options.path.empty();
    case AppliesTo::kWriter:
      return access == Access::kReadWrite;
    case AppliesTo::kReaders:
      return access == Access::kQueryOnly;
    case AppliesTo::kFull:
      return options.durability == SqliteDatabase::Durability::kFull;
    case AppliesTo::kNormal:
      return options.durability == SqliteDatabase::Durability::kNormal;
  }
  return true;
}

absl::Status ApplySettings(SqliteConnection* connection, const SqliteDatabase::Options& options,
                           Access access) {
  for (const Setting& setting : kSettings) {
    if (!Applies(setting.applies_to, options, access)) continue;
    SB_RETURN_IF_ERROR(connection->Execute(setting.set));
    SB_ASSIGN_OR_RETURN(const std::string value, ReadText(connection, setting.read));
    if (value != setting.expected) {
      return errors::StoreUnfit(absl::StrCat(options.path, ": ", setting.read.name, " gives \"",
                                             value, "\" where \"", setting.expected,
                                             "\" was set: the file system may not support it"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOwner(SqliteConnection* connection, int application_id, absl::string_view path) {
  SB_ASSIGN_OR_RETURN(const std::string found, ReadText(connection, kApplicationId));
  if (found == absl::StrCat(application_id)) return absl::OkStatus();
  SB_ASSIGN_OR_RETURN(const std::string tables, ReadText(connection, kTableCount));
  if (found == "0" && tables == "0") return absl::OkStatus();
  return errors::StoreUnfit(absl::StrCat(path,
                                         " is a SQLite file of another program (application_id ",
                                         found, "): name another directory"));
}

absl::Status FoundDamaged(const std::string& path) {
  if (path.empty()) return errors::StoreDamaged("damage was found in memory");
  return errors::StoreDamaged(
      absl::StrCat(path, " is read-only since damage was found in it; stop the daemon, then ",
                   HowToRestore(path.substr(0, path.find_last_of('/')))));
}

absl::Status CheckWhole(SqliteConnection* connection, absl::string_view path) {
  SB_ASSIGN_OR_RETURN(const std::string found, ReadText(connection, kQuickCheck));
  if (found == "ok") return absl::OkStatus();
  return errors::StoreDamaged(absl::StrCat(path, ": quick_check: ", found));
}

}  // namespace

SqliteDatabase::SqliteDatabase(const Options& options) : options_(options) {}

absl::StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(const Options& options) {
  SB_CHECK(options.readers >= 1);
  if (HasWalResetBug(SqliteConnection::LibraryVersionNumber())) {
    return errors::StoreUnfit(
        absl::StrCat("SQLite ", SqliteConnection::LibraryVersion(),
                     " can damage a database (the WAL-reset bug): link 3.51.3 or newer"));
  }
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(options));
  const std::string& path = options.path;
  if (!database->in_memory()) {
    SB_RETURN_IF_ERROR(CheckFileSystem(path, options.file_system_magic));
    SB_RETURN_IF_ERROR(MakeFile(path));
  }
  SB_ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> writer,
                      database->OpenConnection(Access::kReadWrite));
  std::vector<std::unique_ptr<SqliteConnection>> readers;
  const bool check_beside = !database->in_memory() && FileBytes(path) > options.quick_check_bytes;
  if (!database->in_memory()) {
    if (!check_beside) SB_RETURN_IF_ERROR(CheckWhole(writer.get(), path));
    for (int i = 0; i < options.readers; ++i) {
      SB_ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> reader,
                          database->OpenConnection(Access::kQueryOnly));
      readers.push_back(std::move(reader));
    }
  }
  {
    MutexLock lock(&database->mu_);
    database->writer_ = std::move(writer);
    for (const auto& reader : readers) database->idle_readers_.push_back(reader.get());
    database->readers_ = std::move(readers);
    database->log_frames_ =
        FileBytes(path + "-wal") / kPageBytes;  // left by a process that was killed
  }
  if (!database->in_memory()) {
    database->checkpointer_ = std::thread([self = database.get()] { self->CheckpointLoop(); });
  }
  if (check_beside)
    database->checker_ = std::thread([self = database.get()] { self->CheckBeside(); });
  return database;
}

SqliteDatabase::~SqliteDatabase() { Close(); }

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteDatabase::OpenConnection(
    Access access) const {
  SB_ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> connection,
                      SqliteConnection::Open(in_memory() ? ":memory:" : options_.path, access));
  // Before any setting: journal_mode would change another program's file.
  if (!in_memory())
    SB_RETURN_IF_ERROR(CheckOwner(connection.get(), options_.application_id, options_.path));
  SB_RETURN_IF_ERROR(ApplySettings(connection.get(), options_, access));
  connection->WatchLog();
  connection->Observe(options_.observer);
  return connection;
}

absl::StatusOr<SqliteDatabase::Lease> SqliteDatabase::Writer() {
  std::unique_ptr<SqliteConnection> failed;
  {
    MutexLock lock(&mu_);
    while ((writer_out_ || checkpoint_waits_) && !closing_) returned_.Wait(&mu_);
    if (closing_) return errors::StoreClosing();
    if (!read_only_.ok()) return read_only_;
    if (damaged_) return FoundDamaged(options_.path);
    writer_out_ = true;
    if (!writer_failed_) return Lease(this, writer_.get());
    failed = std::move(writer_);
  }
  failed.reset();
  absl::StatusOr<std::unique_ptr<SqliteConnection>> fresh = ReopenedWriter();
  MutexLock lock(&mu_);
  if (!fresh.ok()) {
    writer_out_ = false;
    damaged_ = damaged_ || absl::IsDataLoss(fresh.status());
    returned_.SignalAll();
    return fresh.status();
  }
  writer_ = *std::move(fresh);
  writer_failed_ = false;
  log_frames_ = 0;
  return Lease(this, writer_.get());
}

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteDatabase::ReopenedWriter() const {
  SB_ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> fresh, OpenConnection(Access::kReadWrite));
  SB_ASSIGN_OR_RETURN(const SqliteConnection::Checkpointed checkpointed,
                      fresh->Checkpoint(CheckpointMode::kTruncate));
  if (!checkpointed.complete) {
    return errors::StoreUnavailable(absl::StrCat(
        options_.path, ": a write failed before, and readers keep its log from being emptied"));
  }
  return fresh;
}

absl::StatusOr<SqliteDatabase::Lease> SqliteDatabase::Reader() {
  MutexLock lock(&mu_);
  if (in_memory()) {
    while (writer_out_ && !closing_) returned_.Wait(&mu_);
    if (closing_) return errors::StoreClosing();
    writer_out_ = true;
    return Lease(this, writer_.get());
  }
  while (idle_readers_.empty() && !closing_) returned_.Wait(&mu_);
  if (closing_) return errors::StoreClosing();
  SqliteConnection* const connection = idle_readers_.back();
  idle_readers_.pop_back();
  return Lease(this, connection);
}

void SqliteDatabase::Return(SqliteConnection* connection) {
  MutexLock lock(&mu_);
  damaged_ = damaged_ || connection->damaged();
  if (connection == writer_.get()) {
    writer_out_ = false;
    writer_failed_ = writer_failed_ || connection->io_failed();
    if (connection->TakeLogWritten()) {
      log_frames_ = connection->log_frames();
      ++writes_;
      checkpoint_due_.SignalAll();
    }
  } else {
    idle_readers_.push_back(connection);
  }
  returned_.SignalAll();
}

void SqliteDatabase::MarkDamaged() {
  MutexLock lock(&mu_);
  damaged_ = true;
}

absl::Status SqliteDatabase::Damage() {
  MutexLock lock(&mu_);
  return damaged_ ? FoundDamaged(options_.path) : absl::OkStatus();
}

void SqliteDatabase::MakeReadOnly(absl::Status why) {
  SB_CHECK(!why.ok());
  MutexLock lock(&mu_);
  read_only_ = std::move(why);
}

void SqliteDatabase::CheckBeside() {
  const absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      OpenConnection(Access::kQueryOnly);
  absl::Status checked = connection.status();
  if (connection.ok()) {
    {
      MutexLock lock(&mu_);
      if (closing_) return;
      checking_ = connection->get();
    }
    checked = CheckWhole(connection->get(), options_.path);
  }
  {
    MutexLock lock(&mu_);
    checking_ = nullptr;
    if (closing_) return;
    damaged_ = damaged_ || absl::IsDataLoss(checked);
  }
  if (!checked.ok()) {
    Tell(AlarmState::kRaised,
         absl::IsDataLoss(checked)
             ? absl::StrCat(checked.message(), "; it is read-only from now on")
             : absl::StrCat(options_.path, " could not be checked: ", checked.message()));
  }
}

void SqliteDatabase::CheckpointLoop() {
  HeldLog held(options_.checkpoint_patience);
  mu_.Lock();
  while (!closing_) {
    if (log_frames_ == 0 || writer_failed_ || damaged_) {
      checkpoint_due_.Wait(&mu_);
      continue;
    }
    const int64_t seen = writes_;
    if (log_frames_ * kPageBytes < kLogBytes) {
      checkpoint_due_.WaitFor(&mu_, kIdle);
      if (closing_ || writes_ != seen) continue;
    }
    checkpoint_waits_ = true;
    while (writer_out_ && !closing_) returned_.Wait(&mu_);
    checkpoint_waits_ = false;
    if (closing_) break;
    if (writer_failed_) continue;
    writer_out_ = true;
    SqliteConnection* const connection = writer_.get();
    const CheckpointMode mode = log_frames_ * kPageBytes < kLogBytesMax ? CheckpointMode::kPassive
                                                                        : CheckpointMode::kTruncate;
    mu_.Unlock();
    const absl::StatusOr<SqliteConnection::Checkpointed> done = connection->Checkpoint(mode);
    Return(connection);
    if (const auto state = held.After(done.ok() && done->complete); state.has_value()) {
      Tell(*state,
           absl::StrCat(options_.path, "-wal grows: it could not be moved into the file for ",
                        absl::FormatDuration(options_.checkpoint_patience), " (",
                        done.ok() ? "somebody reads all the time" : done.status().message(), ")"));
    }
    mu_.Lock();
    if (done.ok() && done->complete) {
      log_frames_ = 0;
    } else if (!closing_) {
      checkpoint_due_.WaitFor(&mu_, kCheckpointAgain);
    }
  }
  mu_.Unlock();
}

absl::StatusOr<int64_t> SqliteDatabase::SizeBytes() {
  if (!in_memory()) {
    MutexLock lock(&mu_);
    if (closing_) return errors::StoreClosing();
    return FileBytes(options_.path) + FileBytes(options_.path + "-wal");
  }
  SB_ASSIGN_OR_RETURN(const Lease lease, Reader());
  SqliteQuery query(lease.get(), kSizeInMemory);
  const int64_t bytes = query.Step() ? query.Int(0) : 0;
  SB_RETURN_IF_ERROR(query.status());
  return bytes;
}

void SqliteDatabase::Close() {
  {
    MutexLock lock(&mu_);
    closing_ = true;
    returned_.SignalAll();
    checkpoint_due_.SignalAll();
    if (checking_ != nullptr) checking_->Interrupt();
    while (writer_out_ || idle_readers_.size() != readers_.size()) returned_.Wait(&mu_);
    if (closed_) return;
    closed_ = true;
  }
  if (checkpointer_.joinable()) checkpointer_.join();
  if (checker_.joinable()) checker_.join();
  MutexLock lock(&mu_);
  idle_readers_.clear();
  readers_.clear();
  // What is committed is durable in the log already: a failure here costs the next start some time,
  // nothing else. After a failed flush the log stays as it is, for the next start to judge.
  if (writer_ != nullptr && !in_memory() && !writer_failed_ && !damaged_) {
    writer_->Checkpoint(CheckpointMode::kTruncate).IgnoreError();
  }
  writer_.reset();
}

}  // namespace signalbox
