#include "server/http/http_server.h"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/listen_address.h"
#include "server/http/limits.h"
#include "server/http/rest_discovery.h"

namespace signalbox {
namespace {

// Whether a response is complete, by its Content-Length.
bool IsWhole(const std::string& answer) {
  const size_t head = answer.find("\r\n\r\n");
  const size_t length = answer.find("Content-Length: ");
  return head != std::string::npos && length < head &&
         answer.size() >= head + 4 + std::stoul(answer.substr(length + 16));
}

// A client's end of a connection.
class Socket {
 public:
  explicit Socket(const std::string& address_text) {
    const ListenAddress address = *ParseListenAddress(address_text);
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  }
  ~Socket() { ::close(fd_); }

  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  void Send(const std::string& bytes) const {
    ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Whether bytes or the end come within `limit`.
  bool AnythingIn(absl::Duration limit) const {
    pollfd wanted{fd_, POLLIN, 0};
    return ::poll(&wanted, 1, static_cast<int>(absl::ToInt64Milliseconds(limit))) > 0;
  }

 private:
  const int fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
  bool connected_ = false;
};

// A server on a port that the system chose, with answers that the test sets.
class Served {
 public:
  Served() {
    absl::StatusOr<std::unique_ptr<HttpServer>> started = HttpServer::Start(
        "127.0.0.1:0", {.live = [this] { return Health{.ok = live, .lines = {}}; },
                        .ready =
                            [this] {
                              return Health{
                                  .ok = ready,
                                  .lines = {ready ? "degraded: the store is away since 12:00"
                                                  : "no snapshot is loaded"}};
                            },
                        .metrics = [] { return std::string("signalbox_revision 7\n"); },
                        .discovery =
                            [](absl::string_view path, absl::string_view body) {
                              if (body == "current") return RestDiscovery::Answer{304, ""};
                              if (body == "bad") return RestDiscovery::Answer{400, "it is bad"};
                              return RestDiscovery::Answer{200, absl::StrCat(path, " ", body)};
                            }});
    INFO(started.status().ToString());
    REQUIRE(started.ok());
    server = *std::move(started);
  }

  httplib::Client Client() const {
    const ListenAddress address = *ParseListenAddress(server->address());
    return httplib::Client(address.host, address.port);
  }

  std::unique_ptr<Socket> Connect() const { return std::make_unique<Socket>(server->address()); }

  // Sends bytes as they are and returns the first answer, or what there is of it when the server
  // closes.
  std::string Raw(const std::string& request) const {
    const std::unique_ptr<Socket> socket = Connect();
    REQUIRE(socket->connected());
    socket->Send(request);
    std::string answer;
    char buffer[4096];
    while (!IsWhole(answer) && socket->AnythingIn(absl::Seconds(20))) {
      const ssize_t n = ::recv(socket->fd(), buffer, sizeof(buffer), 0);
      if (n <= 0) break;
      answer.append(buffer, static_cast<size_t>(n));
    }
    return answer;
  }

  std::atomic<bool> live = true;
  std::atomic<bool> ready = true;
  std::unique_ptr<HttpServer> server;
};

TEST_CASE("the probes say how the daemon is, and why") {
  Served served;
  httplib::Client client = served.Client();
  struct Case {
    bool live;
    bool ready;
    const char* path;
    int status;
    const char* body;
  };
  const Case cases[] = {
      {true, true, "/livez", 200, "ok\n"},
      {true, true, "/readyz", 200, "ok\ndegraded: the store is away since 12:00\n"},
      {true, false, "/readyz", 503, "not ok\nno snapshot is loaded\n"},
      {true, false, "/livez", 200, "ok\n"},
      {false, true, "/livez", 503, "not ok\n"},
  };
  for (const Case& c : cases) {
    served.live = c.live;
    served.ready = c.ready;
    const httplib::Result result = client.Get(c.path);
    REQUIRE(result);
    CHECK(result->status == c.status);
    CHECK(result->body == c.body);
    CHECK(result->get_header_value("Content-Type") == "text/plain; charset=utf-8");
    CHECK(result->get_header_value("Cache-Control") == "no-store");
  }
}

TEST_CASE("metrics are served as Prometheus expects them") {
  const Served served;
  const httplib::Result result = served.Client().Get("/metrics");
  REQUIRE(result);
  CHECK(result->status == 200);
  CHECK(result->body == "signalbox_revision 7\n");
  CHECK(result->get_header_value("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE("HEAD answers as GET does, without the body") {
  const Served served;
  const httplib::Result result = served.Client().Head("/readyz");
  REQUIRE(result);
  CHECK(result->status == 200);
  CHECK(result->body == "");
}

TEST_CASE("what is not there, and what may not be done, is a problem document") {
  const Served served;
  httplib::Client client = served.Client();
  const httplib::Result missing = client.Get("/nothing");
  REQUIRE(missing);
  CHECK(missing->status == 404);
  CHECK(missing->get_header_value("Content-Type") == "application/problem+json");
  CHECK(missing->body ==
        "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"there is no "
        "/nothing; there are "
        "/livez, /readyz, /metrics\"}\n");
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
    httplib::Request request;
    request.method = method;
    request.path = "/livez";
    const httplib::Result refused = served.Client().send(request);
    INFO(method);
    REQUIRE(refused);
    CHECK(refused->status == 405);
    CHECK(refused->get_header_value("Allow") == "GET, HEAD");
    CHECK(refused->get_header_value("Content-Type") == "application/problem+json");
    CHECK(absl::StrContains(refused->body,
                            absl::StrCat(method, " is not served here, only GET and HEAD")));
  }
}

TEST_CASE("a request that is too large or no HTTP is refused, and the server goes on") {
  const Served served;
  const std::string close = "Connection: close\r\n\r\n";
  CHECK(absl::StartsWith(served.Raw("garbage\r\n\r\n"), "HTTP/1.1 400 "));
  CHECK(absl::StartsWith(served.Raw("GET /" + std::string(10000, 'a') + " HTTP/1.1\r\n" + close),
                         "HTTP/1.1 414 "));
  CHECK(absl::StartsWith(
      served.Raw("GET /livez HTTP/1.1\r\nX: " + std::string(10000, 'a') + "\r\n" + close),
      "HTTP/1.1 400 "));
  const std::string body(limits::kMaxHttpBodyBytes + 1, 'a');
  const std::string answer = served.Raw(
      absl::StrCat("GET /livez HTTP/1.1\r\nContent-Length: ", body.size(), "\r\n", close, body));
  CHECK((absl::StartsWith(answer, "HTTP/1.1 413 ") || absl::StartsWith(answer, "HTTP/1.1 200 ")));
  const httplib::Result after = served.Client().Get("/livez");
  REQUIRE(after);
  CHECK(after->status == 200);
}

TEST_CASE(
    "after a request with a body the connection is closed, so that nothing in it passes for a "
    "request") {
  const Served served;
  const std::string inner = "GET /metrics HTTP/1.1\r\n\r\n";
  for (const char* line : {"POST /livez HTTP/1.1", "GET /livez HTTP/1.1"}) {
    const std::string answer =
        served.Raw(absl::StrCat(line, "\r\nContent-Length: ", inner.size(), "\r\n\r\n", inner));
    CHECK(absl::StrContains(answer, "Connection: close\r\n"));
    CHECK_FALSE(absl::StrContains(answer, "signalbox_revision"));
  }
  // Nor when it comes later.
  const std::unique_ptr<Socket> socket = served.Connect();
  socket->Send(absl::StrCat("POST /livez HTTP/1.1\r\nContent-Length: 5\r\n\r\n"));
  REQUIRE(socket->AnythingIn(absl::Seconds(20)));
  socket->Send(inner);
  std::string answer;
  char buffer[4096];
  ssize_t n;
  while ((n = ::recv(socket->fd(), buffer, sizeof(buffer), 0)) > 0)
    answer.append(buffer, static_cast<size_t>(n));
  CHECK_FALSE(absl::StrContains(answer, "signalbox_revision"));
  CHECK_FALSE(
      absl::StrContains(served.Raw("GET /livez HTTP/1.1\r\n\r\n"), "Connection: close\r\n"));
}

TEST_CASE("proxies that poll are answered as they are answered") {
  const Served served;
  httplib::Client client = served.Client();
  const auto post = [&](const std::string& path, const std::string& body) {
    httplib::Result result = client.Post(path, body, "application/json; charset=utf-8");
    REQUIRE(result);
    return *std::move(result);
  };
  const httplib::Response answer = post("/v3/discovery:clusters", "{}");
  CHECK(answer.status == 200);
  CHECK(answer.body == "/v3/discovery:clusters {}");
  CHECK(answer.get_header_value("Content-Type") == "application/json");
  const httplib::Response current = post("/v3/discovery:clusters", "current");
  CHECK(current.status == 304);
  CHECK(current.body == "");
  const httplib::Response bad = post("/v3/discovery:clusters", "bad");
  CHECK(bad.status == 400);
  CHECK(bad.get_header_value("Content-Type") == "application/problem+json");
  CHECK(absl::StrContains(bad.body, "it is bad"));
  CHECK(post("/v3/discovery:nothing", "{}").status == 404);
  const httplib::Result get = client.Get("/v3/discovery:clusters");
  REQUIRE(get);
  CHECK(get->status == 405);
  CHECK(get->get_header_value("Allow") == "POST");
}

TEST_CASE("a body of REST discovery is plain JSON of a bounded size") {
  const Served served;
  const std::string path = "/v3/discovery:clusters";
  const auto head = [&](const std::string& headers) {
    return absl::StrCat("POST ", path, " HTTP/1.1\r\n", headers, "Connection: close\r\n\r\n");
  };
  for (const char* type : {"", "Content-Type: application/x-www-form-urlencoded\r\n",
                           "Content-Type: multipart/form-data; boundary=x\r\n",
                           "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"}) {
    INFO(type);
    CHECK(absl::StartsWith(served.Raw(head(absl::StrCat(type, "Content-Length: 2\r\n")) + "{}"),
                           "HTTP/1.1 415 "));
  }
  const std::string json = "Content-Type: application/json\r\n";
  const std::string largest(limits::kMaxHttpBodyBytes, 'a');
  const auto sized = [&](const std::string& body) {
    return served.Raw(head(absl::StrCat(json, "Content-Length: ", body.size(), "\r\n")) + body);
  };
  CHECK(absl::StartsWith(sized(largest), "HTTP/1.1 200 "));
  CHECK(absl::StartsWith(sized(largest + "a"), "HTTP/1.1 413 "));
  // Whose size is not said is counted as it comes.
  const auto chunked = [&](const std::string& body) {
    std::string chunks;
    for (size_t at = 0; at < body.size(); at += 65536) {
      const std::string chunk = body.substr(at, 65536);
      absl::StrAppend(&chunks, absl::Hex(chunk.size()), "\r\n", chunk, "\r\n");
    }
    return served.Raw(absl::StrCat(head(absl::StrCat(json, "Transfer-Encoding: chunked\r\n")),
                                   chunks, "0\r\n\r\n"));
  };
  CHECK(absl::StartsWith(chunked(largest), "HTTP/1.1 200 "));
  const std::string beyond = chunked(largest + largest);
  CHECK((beyond.empty() || absl::StartsWith(beyond, "HTTP/1.1 413 ")));
  const httplib::Result after = served.Client().Get("/livez");
  REQUIRE(after);
  CHECK(after->status == 200);
}

TEST_CASE("a port that is taken is named with its key") {
  const Served served;
  const absl::StatusOr<std::unique_ptr<HttpServer>> second =
      HttpServer::Start(served.server->address(), {});
  REQUIRE_FALSE(second.ok());
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(second.status().message() == absl::StrCat("http.listen: cannot listen on ",
                                                  served.server->address(),
                                                  ": Address already in use"));
  // An address of the documentation range: never this machine's.
  CHECK(HttpServer::Start("192.0.2.1:0", {}).status().message() ==
        "http.listen: cannot listen on 192.0.2.1:0: Cannot assign requested address");
  CHECK(HttpServer::Start("nonsense", {}).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("more clients than threads are all served") {
  const Served served;
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 3 * limits::kHttpThreads; ++i) {
    threads.emplace_back([&] {
      httplib::Client client = served.Client();
      const httplib::Result result = client.Get("/livez");
      if (result && result->status == 200) ++answered;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(answered == static_cast<int>(3 * limits::kHttpThreads));
}

TEST_CASE("who sends a byte now and then is cut off, and the others are served") {
  const Served served;
  std::vector<std::thread> threads;
  std::atomic<int> refused = 0;
  for (size_t i = 0; i < limits::kHttpThreads; ++i) {
    threads.emplace_back([&] {
      const std::unique_ptr<Socket> slow = served.Connect();
      slow->Send("GET /livez HTTP/1.1\r\nX: ");
      // For as long as the server listens; twice the time it should is enough to see.
      for (int sent = 0; sent < 4 * limits::kHttpRequestSeconds; ++sent) {
        if (!slow->AnythingIn(absl::Milliseconds(500))) {
          slow->Send("a");
          continue;
        }
        ++refused;
        return;
      }
    });
  }
  const httplib::Result answered = served.Client().Get("/livez");
  for (std::thread& thread : threads) thread.join();
  CHECK(refused == static_cast<int>(limits::kHttpThreads));
  REQUIRE(answered);
  CHECK(answered->status == 200);
}

TEST_CASE("a server stops at once, whoever keeps a connection open") {
  auto served = std::make_unique<Served>();
  const std::unique_ptr<Socket> silent = served->Connect();
  const std::unique_ptr<Socket> slow = served->Connect();
  slow->Send("GET /livez HTTP/1.1\r\n");
  const std::unique_ptr<Socket> idle = served->Connect();
  idle->Send("GET /livez HTTP/1.1\r\n\r\n");
  REQUIRE(idle->AnythingIn(absl::Seconds(20)));
  const absl::Time begun = absl::Now();
  served.reset();
  CHECK(absl::Now() - begun < absl::Seconds(limits::kHttpKeepAliveSeconds) / 2);
}

TEST_CASE("a stopped server gives its port back") {
  auto served = std::make_unique<Served>();
  const std::string address = served->server->address();
  httplib::Client idle = served->Client();
  idle.set_keep_alive(true);
  REQUIRE(idle.Get("/livez"));
  served.reset();
  CHECK(HttpServer::Start(address, {.live = [] { return Health{}; }}).ok());
}

}  // namespace
}  // namespace signalbox
