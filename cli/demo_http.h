#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace signalbox::cli {

// An HTTP server on a free loopback port that answers every request with its name, on threads of
// its own until it is destroyed.
class DemoUpstream {
 public:
  //   kFailedPrecondition  no port could be bound
  static absl::StatusOr<std::unique_ptr<DemoUpstream>> Create(std::string name);
  ~DemoUpstream();
  DemoUpstream(const DemoUpstream&) = delete;
  DemoUpstream& operator=(const DemoUpstream&) = delete;

  int port() const;

 private:
  class Server;
  explicit DemoUpstream(std::unique_ptr<Server> server);

  const std::unique_ptr<Server> server_;
};

// Asks one HTTP server on loopback; keeps the connection. One thread only.
class DemoBrowser {
 public:
  explicit DemoBrowser(int port);
  ~DemoBrowser();
  DemoBrowser(const DemoBrowser&) = delete;
  DemoBrowser& operator=(const DemoBrowser&) = delete;

  // The body of a 200.
  //   kUnavailable  there was no answer within a second, or another status; the text says which
  absl::StatusOr<std::string> Get(const std::string& path);

 private:
  class Client;

  const std::unique_ptr<Client> client_;
};

}  // namespace signalbox::cli
