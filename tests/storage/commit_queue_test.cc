#include "storage/commit_queue.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "storage/limits.h"
#include "storage/model/record_hasher.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox {
namespace {

using BatchResult = absl::StatusOr<std::vector<absl::StatusOr<Committed>>>;
using Batch = absl::Span<const CommitRequest* const>;

// A writer that waits until the test lets it go on, and numbers what it writes.
class Writer {
 public:
  BatchResult Write(Batch batch) {
    MutexLock lock(&mu_);
    sizes_.push_back(batch.size());
    changed_.SignalAll();
    while (!open_) changed_.Wait(&mu_);
    if (const absl::Status status = fail(batch); !status.ok()) return status;
    std::vector<absl::StatusOr<Committed>> results;
    for (const CommitRequest* const request : batch) {
      if (request->changes->message == "refused") {
        results.push_back(absl::NotFoundError("refused"));
      } else {
        results.push_back(Committed{.revision = Revision{++revision_}});
      }
    }
    return results;
  }

  void Open() {
    MutexLock lock(&mu_);
    open_ = true;
    changed_.SignalAll();
  }
  // Waits until a batch is being written.
  void WaitForBatch() {
    MutexLock lock(&mu_);
    while (sizes_.empty()) changed_.Wait(&mu_);
  }
  std::vector<size_t> sizes() {
    MutexLock lock(&mu_);
    return sizes_;
  }

  std::function<absl::Status(Batch)> fail = [](Batch) { return absl::OkStatus(); };

 private:
  Mutex mu_;
  CondVar changed_;
  bool open_ SB_GUARDED_BY(mu_) = false;
  std::vector<size_t> sizes_ SB_GUARDED_BY(mu_);
  int64_t revision_ SB_GUARDED_BY(mu_) = 0;
};

// Callers of one queue, each on a thread of its own.
class Callers {
 public:
  explicit Callers(Writer* writer)
      : writer_(writer), queue_([writer](Batch batch) { return writer->Write(batch); }) {}
  ~Callers() { Join(); }

  // One more; it has asked the queue when the call returns, unless it is the first.
  void Add(std::string message = "", size_t bytes = 0) {
    Caller& caller = callers_.emplace_back();
    caller.changes.message = std::move(message);
    caller.request = PrepareCommit(caller.changes, Revision{0}, testing::AcceptAll(),
                                   caller.preconditions, hasher_);
    caller.request.bytes = bytes;
    caller.thread = std::thread([this, &caller] { caller.result = queue_.Submit(caller.request); });
    if (callers_.size() == 1) {
      writer_->WaitForBatch();
    } else {
      while (queue_.waiting() != callers_.size() - 1) std::this_thread::yield();
    }
  }
  void Join() {
    writer_->Open();
    for (Caller& caller : callers_) {
      if (caller.thread.joinable()) caller.thread.join();
    }
  }
  const absl::StatusOr<Committed>& result(size_t i) { return callers_[i].result; }

 private:
  struct Caller {
    ChangeSet changes;
    Preconditions preconditions;
    CommitRequest request;
    absl::StatusOr<Committed> result = absl::UnknownError("no answer");
    std::thread thread;
  };

  const PlainHasher hasher_;
  Writer* const writer_;
  CommitQueue queue_;
  std::deque<Caller> callers_;
};

TEST_CASE("what waits while a batch is written becomes the next one, in order") {
  Writer writer;
  Callers callers(&writer);
  for (int i = 0; i < 5; ++i) callers.Add();
  callers.Join();
  CHECK(writer.sizes() == std::vector<size_t>{1, 4});
  for (size_t i = 0; i < 5; ++i) {
    CHECK(callers.result(i)->revision == Revision{static_cast<int64_t>(i + 1)});
  }
}

TEST_CASE("a batch has a limit of requests") {
  Writer writer;
  Callers callers(&writer);
  for (size_t i = 0; i < limits::kMaxBatchRequests + 3; ++i) callers.Add();
  callers.Join();
  CHECK(writer.sizes() == std::vector<size_t>{1, limits::kMaxBatchRequests, 2});
}

TEST_CASE("a batch has a limit of bytes, but takes one request in any case") {
  Writer writer;
  Callers callers(&writer);
  callers.Add();
  callers.Add("", limits::kMaxBatchBytes / 2);
  callers.Add("", limits::kMaxBatchBytes / 2);
  callers.Add("", 1);
  callers.Add("", limits::kMaxBatchBytes * 3);
  callers.Join();
  CHECK(writer.sizes() == std::vector<size_t>{1, 2, 1, 1});
}

TEST_CASE("a refused request fails alone") {
  Writer writer;
  Callers callers(&writer);
  callers.Add();
  callers.Add();
  callers.Add("refused");
  callers.Add();
  callers.Join();
  CHECK(writer.sizes() == std::vector<size_t>{1, 3});
  CHECK(callers.result(1).ok());
  CHECK(callers.result(2).status().code() == absl::StatusCode::kNotFound);
  CHECK(callers.result(3).ok());
}

TEST_CASE("a batch that was not written is tried one by one, and who cannot be written fails") {
  Writer writer;
  writer.fail = [](Batch batch) {
    for (const CommitRequest* const request : batch) {
      if (request->changes->message == "huge") return absl::ResourceExhaustedError("full");
    }
    return absl::OkStatus();
  };
  Callers callers(&writer);
  callers.Add();
  callers.Add();
  callers.Add("huge");
  callers.Add();
  callers.Join();
  CHECK(writer.sizes() == std::vector<size_t>{1, 3, 1, 1, 1});
  CHECK(callers.result(1)->revision == Revision{2});
  CHECK(callers.result(2).status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(callers.result(3)->revision == Revision{3});
}

TEST_CASE("a batch whose outcome is unknown is not written again") {
  Writer writer;
  writer.fail = [](Batch batch) {
    return batch.size() > 1 ? absl::UnavailableError("lost") : absl::OkStatus();
  };
  Callers callers(&writer);
  callers.Add();
  callers.Add();
  callers.Add();
  callers.Join();
  CHECK(writer.sizes() == std::vector<size_t>{1, 2});
  CHECK(callers.result(1).status().code() == absl::StatusCode::kUnavailable);
  CHECK(callers.result(2).status().code() == absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace signalbox
