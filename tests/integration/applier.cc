// Applies changes as fast as they are taken, and keeps the ledger of what was acknowledged: the
// witness of the tests that kill the daemon.
//   applier run SOCKET LEDGER PREFIX THREADS   appends "sent ID" before and "acked ID REVISION"
//   after each change, and
//                                              ends when the daemon answers no more
//   applier verify SOCKET LEDGER               repeats every acknowledged request: the daemon must
//   know each by its id
//                                              and name the revision that it acknowledged. Exits 1
//                                              where it does not
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
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

grpc::Status Apply(ConfigService::Stub& stub, const std::string& id, ApplyResponse* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  return stub.Apply(&context, RequestOf(id), response);
}

// Whole lines reach the file at once, whatever thread writes them.
bool AppendLine(int ledger, const std::string& line) {
  return write(ledger, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

int Run(const std::string& socket, const std::string& ledger_path, const std::string& prefix,
        int threads) {
  const int ledger = open(ledger_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (ledger < 0) return 2;
  std::vector<std::thread> workers;
  for (int worker = 0; worker < threads; ++worker) {
    workers.emplace_back([&, worker] {
      grpc::ChannelArguments arguments;
      arguments.SetInt("signalbox.worker", worker);  // a connection of its own
      const auto stub = ConfigService::NewStub(grpc::CreateCustomChannel(
          "unix:" + socket, grpc::InsecureChannelCredentials(), arguments));
      for (int i = 0;; ++i) {
        const std::string id = absl::StrCat(prefix, "-", worker, "-", i);
        if (!AppendLine(ledger, absl::StrCat("sent ", id, "\n"))) return;
        ApplyResponse response;
        const grpc::Status status = Apply(*stub, id, &response);
        if (!status.ok()) {
          std::cerr << id << ": " << status.error_code() << " " << status.error_message()
                    << std::endl;
          return;
        }
        if (!AppendLine(ledger, absl::StrCat("acked ", id, " ", response.revision(), "\n"))) return;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  close(ledger);
  return 0;
}

int Verify(const std::string& socket, const std::string& ledger_path) {
  const auto stub = ConfigService::NewStub(
      grpc::CreateChannel("unix:" + socket, grpc::InsecureChannelCredentials()));
  std::ifstream ledger(ledger_path);
  std::string line;
  int acknowledged = 0;
  int lost = 0;
  while (std::getline(ledger, line)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    int64_t revision = 0;
    if (words.size() != 3 || words[0] != "acked" || !absl::SimpleAtoi(words[2], &revision))
      continue;
    ++acknowledged;
    ApplyResponse response;
    const grpc::Status status = Apply(*stub, words[1], &response);
    if (!status.ok() || response.outcome() != ApplyResponse::REPEATED ||
        response.revision() != revision) {
      ++lost;
      std::cout << "lost " << line << ": "
                << (status.ok() ? response.ShortDebugString() : status.error_message())
                << std::endl;
    }
  }
  std::cout << "acknowledged " << acknowledged << " lost " << lost << std::endl;
  return lost == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  int threads = 0;
  if (args.size() == 5 && args[0] == "run" && absl::SimpleAtoi(args[4], &threads)) {
    return Run(args[1], args[2], args[3], threads);
  }
  if (args.size() == 3 && args[0] == "verify") return Verify(args[1], args[2]);
  std::cerr << "usage: applier run SOCKET LEDGER PREFIX THREADS | applier verify SOCKET LEDGER\n";
  return 2;
}
