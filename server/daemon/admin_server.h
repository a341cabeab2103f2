#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "server/admin/grpc_service.h"

namespace grpc {
class Server;
}

namespace signalbox {

// Who is at the other end of each connection of the admin socket, as the kernel says. Safe from any
// thread.
class PeerUsers {
 public:
  // The connection with this file descriptor belongs to `uid`.
  void Add(int fd, uid_t uid) SB_EXCLUDES(mu_);
  // The user's name for gRPC's name of a peer ("fd:7"); "unknown" for any other.
  std::string NameOf(absl::string_view peer) const SB_EXCLUDES(mu_);

 private:
  mutable Mutex mu_;
  std::map<int, uid_t> users_ SB_GUARDED_BY(mu_);
};

// The admin API on a Unix socket of mode 0660, with gRPC's reflection and health services.
// Connections are accepted here and handed to gRPC, so that their users are known.
class AdminServer {
 public:
  // Listens on `path`; a socket that a dead daemon left there is replaced. `services` and `users`
  // must outlive this object.
  //   kFailedPrecondition  the path cannot be used, or another daemon listens there; the text names
  //   admin.socket
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& path,
                                                            AdminServices* services,
                                                            PeerUsers* users);
  // Stops.
  ~AdminServer();

  // Takes no more connections, removes the socket and waits for calls under way, `grace` at most
  // before they are cancelled. Once.
  void Stop(absl::Duration grace);

 private:
  AdminServer(std::string path, int listener, int wake, PeerUsers* users,
              std::unique_ptr<grpc::Server> server);
  void Accept();

  const std::string path_;
  const int listener_;
  const int wake_;  // an eventfd that ends Accept
  PeerUsers* const users_;
  const std::unique_ptr<grpc::Server> server_;
  std::thread acceptor_;
};

}  // namespace signalbox
