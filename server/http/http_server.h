#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/http/rest_discovery.h"

namespace signalbox {

// How the daemon is, as one of the probes asks.
struct Health {
  bool ok = true;
  // Why not, or what is degraded though it is ok: one line each, without newline.
  std::vector<std::string> lines;
};

// What the HTTP port shows. Called from several threads at once, so safe from any; each must return
// at once, without asking the database.
struct HttpSources {
  std::function<Health()> live;          // whether the daemon's loops tick
  std::function<Health()> ready;         // whether a snapshot is loaded and the listeners are bound
  std::function<std::string()> metrics;  // Prometheus' text format
  // What a POST to a path of REST discovery (RestDiscovery::Has) is answered by. It may take a
  // while: a thread is its own meanwhile. Without it there are no such paths.
  std::function<RestDiscovery::Answer(absl::string_view path, absl::string_view body)> discovery =
      {};
};

// The HTTP port: GET and HEAD of /livez, /readyz and /metrics, POST to /v3/discovery:* for proxies
// that poll. A probe answers 200 or 503 with "ok" or "not ok" and the lines. Every error is
// application/problem+json (RFC 9457). Requests are served by a few threads, each for a bounded
// time; further connections wait.
class HttpServer {
 public:
  // Binds and serves from now on. `address` is HOST:PORT, checked by the options; port 0 lets the
  // system choose.
  //   kInvalidArgument     the address is not HOST:PORT
  //   kFailedPrecondition  it cannot be bound: the port is taken, or the address is not this
  //                        machine's
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address,
                                                           HttpSources sources);

  // Stops taking connections and requests, waits for the answers being written and joins all
  // threads.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Where it listens, with the port that the system chose.
  const std::string& address() const { return address_; }

 private:
  struct Listener;

  HttpServer(std::unique_ptr<Listener> listener, std::string address);

  const std::unique_ptr<Listener> listener_;
  const std::string address_;
};

}  // namespace signalbox
