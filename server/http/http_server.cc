#include "server/http/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/json.h"
#include "base/listen_address.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "server/http/limits.h"

namespace signalbox {
namespace {

constexpr char kText[] = "text/plain; charset=utf-8";

// A fixed number of threads and a bounded queue: who adds to a full one waits. httplib's own queue
// is unbounded.
class BoundedTaskQueue : public httplib::TaskQueue {
 public:
  BoundedTaskQueue() {
    for (size_t i = 0; i < limits::kHttpThreads; ++i) threads_.emplace_back([this] { Work(); });
  }

  void enqueue(std::function<void()> task) override {
    MutexLock lock(&mu_);
    while (waiting_.size() >= limits::kHttpWaiting) changed_.Wait(&mu_);
    waiting_.push_back(std::move(task));
    changed_.SignalAll();
  }

  // What waits is served first.
  void shutdown() override {
    {
      MutexLock lock(&mu_);
      ending_ = true;
      changed_.SignalAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Work() {
    while (true) {
      std::function<void()> task;
      {
        MutexLock lock(&mu_);
        while (waiting_.empty() && !ending_) changed_.Wait(&mu_);
        if (waiting_.empty()) return;
        task = std::move(waiting_.front());
        waiting_.pop_front();
        changed_.SignalAll();
      }
      task();
    }
  }

  Mutex mu_;
  CondVar changed_;
  std::deque<std::function<void()>> waiting_ SB_GUARDED_BY(mu_);
  bool ending_ SB_GUARDED_BY(mu_) = false;

  std::vector<std::thread> threads_;
};

std::string TitleOf(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    default:
      return status >= 500 ? "Internal Server Error" : "Request Refused";
  }
}

void WriteProblem(int status, const std::string& detail, httplib::Response& response) {
  const Json problem = Json::Object({{"type", "about:blank"},
                                     {"title", TitleOf(status)},
                                     {"status", status},
                                     {"detail", detail}});
  response.status = status;
  response.set_content(problem.Dump() + "\n", "application/problem+json");
}

void WriteHealth(const Health& health, httplib::Response& response) {
  response.status = health.ok ? 200 : 503;
  std::string body = health.ok ? "ok\n" : "not ok\n";
  for (const std::string& line : health.lines) absl::StrAppend(&body, line, "\n");
  response.set_content(body, kText);
}

}  // namespace

struct HttpServer::Listener {
  httplib::Server server;
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address,
                                                              HttpSources sources) {
  SB_ASSIGN_OR_RETURN(ListenAddress parsed, ParseListenAddress(address));
  auto listener = std::make_unique<Listener>();
  httplib::Server& server = listener->server;

  server.new_task_queue = [] { return new BoundedTaskQueue; };
  // Not SO_REUSEPORT, httplib's default: two daemons on one port would share its connections.
  socket_t bound = -1;
  server.set_socket_options([&bound](socket_t socket) {
    bound = socket;
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  server.set_payload_max_length(limits::kMaxHttpBodyBytes);
  server.set_read_timeout(limits::kHttpStallSeconds);
  server.set_write_timeout(limits::kHttpStallSeconds);
  server.set_keep_alive_timeout(limits::kHttpKeepAliveSeconds);
  server.set_keep_alive_max_count(limits::kHttpRequestsPerConnection);
  server.set_tcp_nodelay(true);
  server.set_default_headers(
      {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});

  server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    // A body that nobody reads is followed by no request that a peer could take for another's.
    const std::string length = request.get_header_value("Content-Length");
    const bool has_body =
        request.has_header("Transfer-Encoding") || (!length.empty() && length != "0");
    if (has_body) response.set_header("Connection", "close");
    if (request.method == "GET" || request.method == "HEAD")
      return httplib::Server::HandlerResponse::Unhandled;
    response.set_header("Allow", "GET, HEAD");
    WriteProblem(405, absl::StrCat(request.method, " is not served here, only GET and HEAD"),
                 response);
    return httplib::Server::HandlerResponse::Handled;
  });
  server.Get("/livez", [live = std::move(sources.live)](const httplib::Request&,
                                                        httplib::Response& response) {
    WriteHealth(live(), response);
  });
  server.Get("/readyz", [ready = std::move(sources.ready)](const httplib::Request&,
                                                           httplib::Response& response) {
    WriteHealth(ready(), response);
  });
  server.Get("/metrics", [metrics = std::move(sources.metrics)](const httplib::Request&,
                                                                httplib::Response& response) {
    response.set_content(metrics(), "text/plain; version=0.0.4; charset=utf-8");
  });
  server.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
    if (!response.body.empty()) return;
    WriteProblem(response.status,
                 response.status == 404 ? absl::StrCat("there is no ", request.path,
                                                       "; there are /livez, /readyz, /metrics")
                                        : "the request cannot be served",
                 response);
  });

  errno = 0;
  int port = parsed.port;
  if (port == 0) {
    port = server.bind_to_any_port(parsed.host.c_str());
  } else if (!server.bind_to_port(parsed.host.c_str(), port)) {
    port = -1;
  }
  if (port < 0) {
    const std::string why = errno != 0 ? std::strerror(errno) : "the name cannot be resolved";
    return absl::FailedPreconditionError(
        absl::StrCat("http.listen: cannot listen on ", address, ": ", why));
  }
  // Again, with a longer queue than httplib's 5: beyond it a client waits a second and tries again.
  ::listen(bound, limits::kHttpBacklog);
  server.set_socket_options([](socket_t) {});
  parsed.port = static_cast<uint16_t>(port);
  listener->thread = std::thread([&server] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(listener), parsed.ToString()));
}

HttpServer::HttpServer(std::unique_ptr<Listener> listener, std::string address)
    : listener_(std::move(listener)), address_(std::move(address)) {}

HttpServer::~HttpServer() {
  listener_->server.stop();
  listener_->thread.join();
}

}  // namespace signalbox
