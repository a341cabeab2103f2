// clang-format off
// A gRPC peer for the end-to-end tests, driven by lines on stdin; each is answered by one line on
// stdout.
//   backend NAME            a server on a free port that answers every unary call with NAME:
//                           "ok PORT"
//   xds-backend NAME PORT   the same on this port, configured over xDS (XdsServerBuilder): "ok"
//   serving                 whether the newest of them serves: "ok", or "error CODE TEXT"
//   call TARGET METHOD MILLISECONDS
//                           a unary call, such as of xds:///NAME: "ok ANSWER" or "error CODE TEXT"
//   raw TARGET METHOD MILLISECONDS [HEX,HEX...]
//                           a stream on which these messages are sent; reads until the server ends
//                           it or the time is up: "end CODE ANSWERS-IN-HEX|- TEXT"
// Ends with its stdin.
// clang-format on
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/xds_server_builder.h>

#include <chrono>
#include <condition_variable>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/integration/byte_buffers.h"

namespace {

using signalbox::testing::BytesOf;

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string OneLine(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\n", " "}, {"\r", " "}});
}

// Reads the request, answers with the backend's name, finishes.
class Answer : public grpc::ServerGenericBidiReactor {
 public:
  explicit Answer(const std::string& name) : answer_(BufferOf(name)) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (ok) {
      StartWriteAndFinish(&answer_, grpc::WriteOptions(), grpc::Status::OK);
    } else {
      Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no request"));
    }
  }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer request_;
  grpc::ByteBuffer answer_;
};

// A server configured over xDS says whether it serves; then `status` is what it said last.
class Backend : public grpc::CallbackGenericService,
                public grpc::XdsServerServingStatusNotifierInterface {
 public:
  explicit Backend(std::string name) : name_(std::move(name)) {
    grpc::ServerBuilder builder;
    Start(builder, "127.0.0.1:0", grpc::InsecureServerCredentials());
  }
  Backend(std::string name, int port) : name_(std::move(name)) {
    grpc::XdsServerBuilder builder;
    builder.set_status_notifier(this);
    Start(builder, absl::StrCat("127.0.0.1:", port),
          grpc::XdsServerCredentials(grpc::InsecureServerCredentials()));
  }
  ~Backend() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }

  int port() const { return port_; }

  grpc::Status status() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return status_;
  }

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new Answer(name_);
  }

  void OnServingStatusUpdate(std::string, ServingStatusUpdate update) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_ = std::move(update.status);
  }

 private:
  void Start(grpc::ServerBuilder& builder, const std::string& address,
             std::shared_ptr<grpc::ServerCredentials> credentials) {
    builder.AddListeningPort(address, std::move(credentials), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }

  const std::string name_;
  int port_ = 0;
  std::mutex mutex_;
  grpc::Status status_{grpc::StatusCode::UNKNOWN, "nothing was said"};
  std::unique_ptr<grpc::Server> server_;
};

std::string Text(const grpc::Status& status) {
  if (status.ok()) return "ok";
  return absl::StrCat("error ", status.error_code(), " ", OneLine(status.error_message()));
}

class Peer {
 public:
  std::string Run(const std::vector<std::string>& words) {
    if (words.size() == 2 && words[0] == "backend") {
      backends_.push_back(std::make_unique<Backend>(words[1]));
      return absl::StrCat("ok ", backends_.back()->port());
    }
    int port = 0;
    if (words.size() == 3 && words[0] == "xds-backend" && absl::SimpleAtoi(words[2], &port)) {
      backends_.push_back(std::make_unique<Backend>(words[1], port));
      return "ok";
    }
    if (words.size() == 1 && words[0] == "serving" && !backends_.empty()) {
      return Text(backends_.back()->status());
    }
    int milliseconds = 0;
    if (words.size() >= 4 && absl::SimpleAtoi(words[3], &milliseconds)) {
      if (words[0] == "call") return Call(words[1], words[2], milliseconds);
      if (words[0] == "raw") {
        return Raw(words[1], words[2], milliseconds, words.size() > 4 ? words[4] : "");
      }
    }
    return "error usage";
  }

 private:
  // One channel per target: a second call of a name shows what its resolver has learnt since.
  const std::shared_ptr<grpc::Channel>& ChannelTo(const std::string& target) {
    std::shared_ptr<grpc::Channel>& channel = channels_[target];
    if (channel == nullptr) {
      grpc::ChannelArguments arguments;
      arguments.SetMaxReceiveMessageSize(-1);
      channel = grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
    }
    return channel;
  }

  static void SetDeadline(grpc::ClientContext& context, int milliseconds) {
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::milliseconds(milliseconds));
    context.set_wait_for_ready(true);
  }

  std::string Call(const std::string& target, const std::string& method, int milliseconds) {
    grpc::GenericStub stub(ChannelTo(target));
    grpc::ClientContext context;
    SetDeadline(context, milliseconds);
    const grpc::ByteBuffer request = BufferOf("who");
    grpc::ByteBuffer response;
    std::mutex mutex;
    std::condition_variable done;
    std::unique_ptr<grpc::Status> status;
    stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &response, [&](grpc::Status s) {
      const std::lock_guard<std::mutex> lock(mutex);
      status = std::make_unique<grpc::Status>(std::move(s));
      done.notify_one();
    });
    std::unique_lock<std::mutex> lock(mutex);
    done.wait(lock, [&] { return status != nullptr; });
    return status->ok() ? absl::StrCat("ok ", BytesOf(response)) : Text(*status);
  }

  std::string Raw(const std::string& target, const std::string& method, int milliseconds,
                  const std::string& messages) {
    grpc::GenericStub stub(ChannelTo(target));
    grpc::ClientContext context;
    SetDeadline(context, milliseconds);
    grpc::CompletionQueue queue;
    void* tag = nullptr;
    bool ok = false;
    const auto stream = stub.PrepareCall(&context, method, &queue);
    stream->StartCall(nullptr);
    queue.Next(&tag, &ok);
    for (const absl::string_view hex : absl::StrSplit(messages, ',')) {
      if (!ok) break;
      stream->Write(BufferOf(absl::HexStringToBytes(hex)), nullptr);
      queue.Next(&tag, &ok);
    }
    std::vector<std::string> answers;
    for (ok = true; ok;) {
      grpc::ByteBuffer answer;
      stream->Read(&answer, nullptr);
      queue.Next(&tag, &ok);
      if (ok) answers.push_back(absl::BytesToHexString(BytesOf(answer)));
    }
    grpc::Status status;
    stream->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    return absl::StrCat("end ", status.error_code(), " ",
                        answers.empty() ? "-" : absl::StrJoin(answers, ","), " ",
                        OneLine(status.error_message()));
  }

  std::vector<std::unique_ptr<Backend>> backends_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;
};

}  // namespace

int main() {
  Peer peer;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << peer.Run(absl::StrSplit(line, ' ', absl::SkipEmpty())) << std::endl;
  }
  return 0;
}
