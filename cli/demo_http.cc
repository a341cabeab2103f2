#include "cli/demo_http.h"

#include <httplib.h>

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace signalbox::cli {

class DemoUpstream::Server {
 public:
  explicit Server(std::string name) : name_(std::move(name)) {
    // A thread for each connection that Envoy keeps open; one that idles holds the end up for this
    // long.
    server_.new_task_queue = [] { return new httplib::ThreadPool(4); };
    server_.set_keep_alive_timeout(1);
    server_.set_tcp_nodelay(true);
    server_.Get(".*", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(name_, "text/plain");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    if (port_ <= 0) return;
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      ended_ = true;
    });
  }
  ~Server() {
    if (!thread_.joinable()) return;
    // A server that does not listen yet takes no notice of stop().
    while (!server_.is_running() && !ended_) std::this_thread::yield();
    server_.stop();
    thread_.join();
  }

  int port() const { return port_; }

 private:
  const std::string name_;

  httplib::Server server_;
  int port_ = -1;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<DemoUpstream>> DemoUpstream::Create(std::string name) {
  auto server = std::make_unique<Server>(std::move(name));
  if (server->port() <= 0) return absl::FailedPreconditionError("cannot bind a port on 127.0.0.1");
  return std::unique_ptr<DemoUpstream>(new DemoUpstream(std::move(server)));
}

DemoUpstream::DemoUpstream(std::unique_ptr<Server> server) : server_(std::move(server)) {}

DemoUpstream::~DemoUpstream() = default;

int DemoUpstream::port() const { return server_->port(); }

class DemoBrowser::Client : public httplib::Client {
 public:
  using httplib::Client::Client;
};

DemoBrowser::DemoBrowser(int port) : client_(std::make_unique<Client>("127.0.0.1", port)) {
  client_->set_keep_alive(true);
  client_->set_tcp_nodelay(true);
  client_->set_connection_timeout(1);
  client_->set_read_timeout(1);
}

DemoBrowser::~DemoBrowser() = default;

absl::StatusOr<std::string> DemoBrowser::Get(const std::string& path) {
  const httplib::Result result = client_->Get(path);
  if (!result)
    return absl::UnavailableError(absl::StrCat("no answer: ", httplib::to_string(result.error())));
  if (result->status != 200)
    return absl::UnavailableError(absl::StrCat("answered with status ", result->status));
  return result->body;
}

}  // namespace signalbox::cli
