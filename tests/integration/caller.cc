// Calls a method at a steady rate through gRPC C++'s own xDS client, and says how each call ended.
//   caller TARGET METHOD RATE
// For each call a line on stdout, as generator.py has it: START END ANSWER, where ANSWER is the
// response or "failed:WHY". For a line on stdin a line "config HEX": what the client has of xDS, as
// its CSDS service would say it. Ends with its stdin.
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "tests/integration/byte_buffers.h"

namespace {

using signalbox::testing::BytesOf;

// Its epoch is that of Python's time.monotonic.
using Clock = std::chrono::steady_clock;

constexpr auto kTimeout = std::chrono::seconds(10);
constexpr int kWorkers = 4;

double Seconds(Clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

void Print(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  std::cout << line << std::endl;
}

std::string Ask(grpc::GenericStub& stub, const std::string& method) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kTimeout);
  const grpc::Slice who("who");
  const grpc::ByteBuffer request(&who, 1);
  grpc::ByteBuffer response;
  std::mutex mutex;
  std::condition_variable done;
  std::optional<grpc::Status> status;
  stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &response, [&](grpc::Status s) {
    const std::lock_guard<std::mutex> lock(mutex);
    status = std::move(s);
    done.notify_one();
  });
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [&] { return status.has_value(); });
  if (status->ok()) return BytesOf(response);
  return absl::StrCat("failed:", status->error_code(), "_",
                      absl::StrReplaceAll(status->error_message(), {{" ", "_"}, {"\n", "_"}}));
}

void Work(grpc::GenericStub& stub, const std::string& method, Clock::duration interval,
          Clock::duration offset, const std::atomic<bool>& stopped) {
  Clock::time_point due = Clock::now() + offset;
  while (true) {
    std::this_thread::sleep_until(due);
    if (stopped) return;
    const Clock::time_point start = Clock::now();
    const std::string answer = Ask(stub, method);
    Print(absl::StrFormat("%.6f %.6f %s", Seconds(start), Seconds(Clock::now()), answer));
    // A stall is made up for by at most a few calls at once.
    due = std::max(due + interval, start - 5 * interval);
  }
}

std::string Config() {
  const grpc_slice config = grpc_dump_xds_configs();
  const std::string hex = absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(config)), GRPC_SLICE_LENGTH(config)));
  grpc_slice_unref(config);
  return hex;
}

}  // namespace

int main(int argc, char** argv) {
  double rate = 0;
  if (argc != 4 || !absl::SimpleAtod(argv[3], &rate) || rate <= 0) {
    std::cerr << "usage: caller TARGET METHOD RATE\n";
    return 2;
  }
  grpc::GenericStub stub(grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  const auto interval =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(kWorkers / rate));
  std::atomic<bool> stopped = false;
  std::vector<std::thread> workers;
  for (int i = 0; i < kWorkers; ++i) {
    workers.emplace_back(
        [&, i] { Work(stub, argv[2], interval, interval * i / kWorkers, stopped); });
  }
  std::string line;
  while (std::getline(std::cin, line)) Print("config " + Config());
  stopped = true;
  for (std::thread& worker : workers) worker.join();
  return 0;
}
