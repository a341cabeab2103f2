#include "server/http/http_server.h"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/json.h"
#include "base/listen_address.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "server/http/limits.h"

namespace signalbox {
namespace {

constexpr char kDiscoveryPrefix[] = "/v3/discovery:";
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

// A connection's bytes. A request and its answer have one deadline, so that nobody keeps a thread
// by sending or reading a byte now and then.
class Connection : public httplib::Stream {
 public:
  explicit Connection(int fd) : fd_(fd) {}

  // Waits for a request's first byte; false when none comes in time. From then on the request has
  // its time.
  bool AwaitRequest() {
    deadline_ = Clock::now() + std::chrono::seconds(limits::kHttpKeepAliveSeconds);
    if (!is_readable()) return false;
    deadline_ = Clock::now() + std::chrono::seconds(limits::kHttpRequestSeconds);
    return true;
  }

  bool is_readable() const override { return begin_ < end_ || Wait(POLLIN); }
  bool is_writable() const override { return Wait(POLLOUT); }
  ssize_t read(char* to, size_t size) override {
    if (begin_ == end_) {
      if (!Wait(POLLIN)) return -1;
      const ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got <= 0) return got;
      begin_ = 0;
      end_ = static_cast<size_t>(got);
    }
    const size_t taken = std::min(size, end_ - begin_);
    std::memcpy(to, buffer_.data() + begin_, taken);
    begin_ += taken;
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* from, size_t size) override {
    return Wait(POLLOUT) ? ::send(fd_, from, size, MSG_DONTWAIT | MSG_NOSIGNAL) : -1;
  }
  // Nothing here asks for these.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return fd_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool Wait(short events) const {
    pollfd wanted{fd_, events, 0};
    while (true) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<int64_t>(left, 0)));
      if (ready >= 0 || errno != EINTR) return ready > 0;
    }
  }

  const int fd_;
  Clock::time_point deadline_;
  std::array<char, 4096> buffer_;
  size_t begin_ = 0;  // of what was read and not taken yet
  size_t end_ = 0;
};

bool HasBody(const httplib::Request& request) {
  const std::string length = request.get_header_value("Content-Length");
  return request.has_header("Transfer-Encoding") || (!length.empty() && length != "0");
}

// httplib's server, but for how a connection is served: in bounded time, and ended at once when the
// server stops.
class StoppableServer : public httplib::Server {
 public:
  // Takes no more connections nor requests; those being answered are.
  void Stop() {
    stop();
    MutexLock lock(&mu_);
    stopping_ = true;
    for (const int fd : open_) ::shutdown(fd, SHUT_RD);
  }

 private:
  bool process_and_close_socket(socket_t fd) override {
    if (Open(fd)) {
      Connection connection(fd);
      bool closes = false;
      for (size_t left = keep_alive_max_count_; left > 0 && !closes; --left) {
        if (!connection.AwaitRequest()) break;
        // Nobody knows where a request ends that cannot be read, or whose body is not.
        bool ends = false;
        const auto note = [&ends](const httplib::Request& request) { ends = !HasBody(request); };
        if (!process_request(connection, left == 1, closes, note) || !ends) break;
      }
      MutexLock lock(&mu_);
      open_.erase(fd);
    }
    ::shutdown(fd, SHUT_RDWR);
    ::close(fd);
    return true;
  }

  bool Open(int fd) {
    MutexLock lock(&mu_);
    if (!stopping_) open_.insert(fd);
    return !stopping_;
  }

  Mutex mu_;
  std::set<int> open_ SB_GUARDED_BY(mu_);
  bool stopping_ SB_GUARDED_BY(mu_) = false;
};

bool IsDiscovery(const HttpSources& sources, const httplib::Request& request) {
  return sources.discovery != nullptr && RestDiscovery::Has(request.path);
}

std::string TitleOf(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 503:
      return "Service Unavailable";
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

void WriteMethodRefused(const std::string& method, const std::string& allowed,
                        const std::string& said, httplib::Response& response) {
  response.set_header("Allow", allowed);
  WriteProblem(405, absl::StrCat(method, " is not served here, only ", said), response);
}

// Whether a body is JSON as it stands. A form is what a browser sends for any page without asking,
// and what is compressed may be larger than it looks.
bool IsPlainJson(const httplib::Request& request) {
  const std::string type = request.get_header_value("Content-Type");
  return !request.has_header("Content-Encoding") &&
         absl::EqualsIgnoreCase(type.substr(0, type.find(';')), "application/json");
}

void ServeDiscovery(const HttpSources& sources, const httplib::Request& request,
                    httplib::Response& response, const httplib::ContentReader& read) {
  std::string body;
  bool too_large = false;
  const bool whole = read([&](const char* bytes, size_t size) {
    too_large = body.size() + size > limits::kMaxHttpBodyBytes;
    if (!too_large) body.append(bytes, size);
    return !too_large;
  });
  if (too_large || response.status == 413) {
    WriteProblem(413, absl::StrCat("the body is larger than ", limits::kMaxHttpBodyBytes, " bytes"),
                 response);
  } else if (!whole) {
    WriteProblem(400, "the body ends too early", response);
  } else {
    const RestDiscovery::Answer answer = sources.discovery(request.path, body);
    if (answer.status >= 400) {
      WriteProblem(answer.status, answer.body, response);
      return;
    }
    response.status = answer.status;
    if (answer.status == 200) response.set_content(answer.body, "application/json");
  }
}

void WriteHealth(const Health& health, httplib::Response& response) {
  response.status = health.ok ? 200 : 503;
  std::string body = health.ok ? "ok\n" : "not ok\n";
  for (const std::string& line : health.lines) absl::StrAppend(&body, line, "\n");
  response.set_content(body, kText);
}

}  // namespace

struct HttpServer::Listener {
  explicit Listener(HttpSources of) : sources(std::move(of)) {}

  const HttpSources sources;
  StoppableServer server;
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address,
                                                              HttpSources sources) {
  SB_ASSIGN_OR_RETURN(ListenAddress parsed, ParseListenAddress(address));
  auto listener = std::make_unique<Listener>(std::move(sources));
  StoppableServer& server = listener->server;
  const HttpSources& from = listener->sources;

  server.new_task_queue = [] { return new BoundedTaskQueue; };
  // Not SO_REUSEPORT, httplib's default: two daemons on one port would share its connections.
  socket_t bound = -1;
  server.set_socket_options([&bound](socket_t socket) {
    bound = socket;
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  server.set_payload_max_length(limits::kMaxHttpBodyBytes);
  server.set_keep_alive_max_count(limits::kHttpRequestsPerConnection);
  server.set_tcp_nodelay(true);
  server.set_default_headers(
      {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});

  using HandlerResponse = httplib::Server::HandlerResponse;
  server.set_pre_routing_handler([&from](const httplib::Request& request,
                                         httplib::Response& response) {
    // A body that nobody reads is followed by no request that a peer could take for another's.
    if (HasBody(request)) response.set_header("Connection", "close");
    if (IsDiscovery(from, request)) {
      if (request.method != "POST") {
        WriteMethodRefused(request.method, "POST", "POST", response);
        return HandlerResponse::Handled;
      }
      if (!IsPlainJson(request)) {
        WriteProblem(415, "the body must be JSON: Content-Type: application/json, not compressed",
                     response);
        return HandlerResponse::Handled;
      }
      return HandlerResponse::Unhandled;
    }
    if (request.method == "GET" || request.method == "HEAD") return HandlerResponse::Unhandled;
    if (request.method == "POST" && absl::StartsWith(request.path, kDiscoveryPrefix)) {
      WriteProblem(404, absl::StrCat("there is no ", request.path), response);
    } else {
      WriteMethodRefused(request.method, "GET, HEAD", "GET and HEAD", response);
    }
    return HandlerResponse::Handled;
  });
  server.Get("/livez", [&from](const httplib::Request&, httplib::Response& response) {
    WriteHealth(from.live(), response);
  });
  server.Get("/readyz", [&from](const httplib::Request&, httplib::Response& response) {
    WriteHealth(from.ready(), response);
  });
  server.Get("/metrics", [&from](const httplib::Request&, httplib::Response& response) {
    response.set_content(from.metrics(), "text/plain; version=0.0.4; charset=utf-8");
  });
  // The handler before has let pass only the paths that there are.
  server.Post(absl::StrCat(kDiscoveryPrefix, "[a-z_-]+"),
              [&from](const httplib::Request& request, httplib::Response& response,
                      const httplib::ContentReader& read) {
                ServeDiscovery(from, request, response, read);
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
  listener_->server.Stop();
  listener_->thread.join();
}

}  // namespace signalbox
