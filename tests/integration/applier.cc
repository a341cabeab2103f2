// Applies changes at a steady rate, and keeps the ledger of what was acknowledged: the witness of
// the tests that kill what stores them.
//   applier run SOCKET LEDGER PREFIX THREADS RATE   until SIGTERM, RATE changes a second over all
//       threads; appends "sent ID" before and "acked ID REVISION OUTCOME TRIES" after each. A
//       change without an answer is asked for again with the same id until there is one; an answer
//       that a retry cannot mend is appended as "refused ID TEXT" and ends the thread
//   applier verify SOCKET LEDGER   repeats every acknowledged request: the daemon must know each by
//       its id and name the revision that it acknowledged. Exits 1 where it does not
//   applier once SOCKET   applies the ApplyRequest that stands on stdin as JSON: what no command
//       does in one revision, such as to remove what it replaces
#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "signalbox/admin/v1/config.grpc.pb.h"

namespace {

using signalbox::admin::v1::ApplyRequest;
using signalbox::admin::v1::ApplyResponse;
using signalbox::admin::v1::ConfigService;
using Clock = std::chrono::steady_clock;

constexpr auto kAnswer = std::chrono::seconds(20);
constexpr auto kPauseBeforeRetry = std::chrono::milliseconds(20);
constexpr int kReconnectMs = 100;  // the shortest that gRPC takes
constexpr int kVerifiers = 8;

std::atomic<bool> stopped = false;

// The one change that a request id stands for.
ApplyRequest RequestOf(const std::string& id) {
  ApplyRequest request;
  request.set_request_id(id);
  auto* resource = request.add_resources();
  resource->set_kind("endpoints");
  resource->set_name(id);
  (*resource->mutable_spec()->mutable_fields())["cluster_name"].set_string_value(id);
  return request;
}

// A connection of its own, which comes back soon after the daemon does.
std::unique_ptr<ConfigService::Stub> Connect(const std::string& socket, int worker) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("signalbox.worker", worker);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMs);
  return ConfigService::NewStub(
      grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments));
}

grpc::Status Apply(ConfigService::Stub& stub, const std::string& id, ApplyResponse* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kAnswer);
  context.set_wait_for_ready(true);  // while it waits it drives the connecting
  return stub.Apply(&context, RequestOf(id), response);
}

bool MayBeRetried(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return true;
    default:
      return false;
  }
}

// Whole lines reach the file at once, whatever thread writes them.
bool AppendLine(int ledger, const std::string& line) {
  return write(ledger, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

// Goes on until the change is acknowledged; whether to go on with the next.
bool ApplyOne(ConfigService::Stub& stub, int ledger, const std::string& id) {
  if (!AppendLine(ledger, absl::StrCat("sent ", id, "\n"))) return false;
  for (int tries = 1; !stopped; ++tries) {
    ApplyResponse response;
    const grpc::Status status = Apply(stub, id, &response);
    if (status.ok()) {
      return AppendLine(
          ledger, absl::StrCat("acked ", id, " ", response.revision(), " ",
                               ApplyResponse::Outcome_Name(response.outcome()), " ", tries, "\n"));
    }
    std::cerr << absl::StrCat(id, ": ", status.error_code(), " ", status.error_message(), "\n");
    if (!MayBeRetried(status)) {
      AppendLine(ledger, absl::StrCat("refused ", id, " ", status.error_message(), "\n"));
      return false;
    }
    std::this_thread::sleep_for(kPauseBeforeRetry);
  }
  return false;
}

int Run(const std::string& socket, const std::string& ledger_path, const std::string& prefix,
        int threads, int rate) {
  signal(SIGTERM, [](int) { stopped = true; });
  const int ledger = open(ledger_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (ledger < 0) return 2;
  const auto interval = std::chrono::nanoseconds(std::chrono::seconds(1)) * threads / rate;
  std::vector<std::thread> workers;
  for (int worker = 0; worker < threads; ++worker) {
    workers.emplace_back([&, worker] {
      const auto stub = Connect(socket, worker);
      Clock::time_point due = Clock::now() + interval * worker / threads;
      for (int i = 0; !stopped; ++i) {
        std::this_thread::sleep_until(due);
        if (!ApplyOne(*stub, ledger, absl::StrCat(prefix, "-", worker, "-", i))) return;
        // What an outage has held up is not made up for.
        due = std::max(due + interval, Clock::now());
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  close(ledger);
  return 0;
}

struct Acknowledged {
  std::string id;
  int64_t revision = 0;
};

std::vector<Acknowledged> ReadLedger(const std::string& path) {
  std::vector<Acknowledged> all;
  std::ifstream ledger(path);
  std::string line;
  while (std::getline(ledger, line)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    Acknowledged one;
    if (words.size() != 5 || words[0] != "acked" || !absl::SimpleAtoi(words[2], &one.revision))
      continue;
    one.id = words[1];
    all.push_back(std::move(one));
  }
  return all;
}

int Verify(const std::string& socket, const std::string& ledger_path) {
  const std::vector<Acknowledged> all = ReadLedger(ledger_path);
  std::atomic<size_t> next = 0;
  std::atomic<int> lost = 0;
  std::vector<std::thread> workers;
  for (int worker = 0; worker < kVerifiers; ++worker) {
    workers.emplace_back([&, worker] {
      const auto stub = Connect(socket, worker);
      for (size_t i = next++; i < all.size(); i = next++) {
        ApplyResponse response;
        const grpc::Status status = Apply(*stub, all[i].id, &response);
        if (status.ok() && response.outcome() == ApplyResponse::REPEATED &&
            response.revision() == all[i].revision) {
          continue;
        }
        ++lost;
        std::cout << absl::StrCat(
            "lost ", all[i].id, " ", all[i].revision, ": ",
            status.ok() ? response.ShortDebugString() : status.error_message(), "\n");
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  std::cout << "acknowledged " << all.size() << " lost " << lost << std::endl;
  return lost == 0 ? 0 : 1;
}

int Once(const std::string& socket) {
  const std::string json((std::istreambuf_iterator<char>(std::cin)),
                         std::istreambuf_iterator<char>());
  ApplyRequest request;
  if (const auto read = google::protobuf::util::JsonStringToMessage(json, &request); !read.ok()) {
    std::cerr << read.ToString() << std::endl;
    return 2;
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kAnswer);
  ApplyResponse response;
  const grpc::Status status = Connect(socket, 0)->Apply(&context, request, &response);
  if (!status.ok()) std::cerr << status.error_message() << std::endl;
  return status.ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  int threads = 0;
  int rate = 0;
  if (args.size() == 6 && args[0] == "run" && absl::SimpleAtoi(args[4], &threads) &&
      absl::SimpleAtoi(args[5], &rate) && threads > 0 && rate > 0) {
    return Run(args[1], args[2], args[3], threads, rate);
  }
  if (args.size() == 3 && args[0] == "verify") return Verify(args[1], args[2]);
  if (args.size() == 2 && args[0] == "once") return Once(args[1]);
  std::cerr << "usage: applier run SOCKET LEDGER PREFIX THREADS RATE\n"
               "       applier verify SOCKET LEDGER\n"
               "       applier once SOCKET\n";
  return 2;
}
