#include "server/daemon/admin_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/files.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace signalbox {
namespace {

constexpr int kBacklog = 64;
// How long nothing is accepted after that was not possible.
constexpr int kAcceptPauseMs = 1000;

absl::Status Failed(absl::string_view what, const std::string& path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("cannot ", what, " the admin socket ", path,
                                                    ": ", why,
                                                    ". Set admin.socket to another path"));
}

// A Unix socket that is closed at the end of the scope unless it is released.
class Socket {
 public:
  Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::Status RemoveIfDead(const std::string& path, const sockaddr_un& address) {
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) return Failed("make", path, "something else has that name");
  const Socket probe;
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EAGAIN) {
    return Failed("make", path, "another daemon listens there");
  }
  if (errno != ECONNREFUSED) return Failed("make", path, std::strerror(errno));
  if (::unlink(path.c_str()) != 0) return Failed("replace", path, std::strerror(errno));
  return absl::OkStatus();
}

absl::StatusOr<int> Listen(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Failed("make", path,
                  absl::StrCat("its path is longer than ", sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0)
    SB_RETURN_IF_ERROR(MakeDirectories(path.substr(0, slash), 0755));
  SB_RETURN_IF_ERROR(RemoveIfDead(path, address));
  Socket listener;
  // Nobody can connect before listen, so the mode is right in time.
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::chmod(path.c_str(), 0660) != 0 || ::listen(listener.get(), kBacklog) != 0) {
    return Failed("make", path, std::strerror(errno));
  }
  return listener.release();
}

}  // namespace

void PeerUsers::Add(int fd, uid_t uid) {
  MutexLock lock(&mu_);
  users_[fd] = uid;
}

std::string PeerUsers::NameOf(absl::string_view peer) const {
  int fd;
  if (!absl::ConsumePrefix(&peer, "fd:") || !absl::SimpleAtoi(peer, &fd)) return "unknown";
  uid_t uid;
  {
    MutexLock lock(&mu_);
    const auto found = users_.find(fd);
    if (found == users_.end()) return "unknown";
    uid = found->second;
  }
  char buffer[4096];
  passwd entry;
  passwd* result = nullptr;
  if (::getpwuid_r(uid, &entry, buffer, sizeof(buffer), &result) == 0 && result != nullptr)
    return entry.pw_name;
  return absl::StrCat("uid ", uid);
}

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& path,
                                                                AdminServices* services,
                                                                PeerUsers* users) {
  SB_ASSIGN_OR_RETURN(const int listener, Listen(path));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  services->AddTo(&builder);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const int wake = ::eventfd(0, EFD_CLOEXEC);
  if (server == nullptr || wake < 0) {
    ::close(listener);
    ::unlink(path.c_str());
    return Failed("serve", path, "gRPC does not start");
  }
  return std::unique_ptr<AdminServer>(
      new AdminServer(path, listener, wake, users, std::move(server)));
}

AdminServer::AdminServer(std::string path, int listener, int wake, PeerUsers* users,
                         std::unique_ptr<grpc::Server> server)
    : path_(std::move(path)),
      listener_(listener),
      wake_(wake),
      users_(users),
      server_(std::move(server)),
      acceptor_([this] { Accept(); }) {}

AdminServer::~AdminServer() {
  Stop(absl::ZeroDuration());
  ::close(wake_);
}

void AdminServer::Accept() {
  pollfd waiting[] = {{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
  while (true) {
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      // Not the connection's fault, such as too many open files or no memory: it stays in the
      // backlog, and without a pause the loop would spin on it.
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        log::Error("the admin socket cannot accept", {{"error", std::strerror(errno)}});
        ::poll(&waiting[1], 1, kAcceptPauseMs);
      }
      continue;
    }
    ucred peer = {};
    socklen_t length = sizeof(peer);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
      ::close(fd);
      continue;
    }
    users_->Add(fd, peer.uid);
    grpc::AddInsecureChannelFromFd(server_.get(), fd);
  }
}

void AdminServer::Stop(absl::Duration grace) {
  if (!acceptor_.joinable()) return;
  const uint64_t one = 1;
  SB_CHECK(::write(wake_, &one, sizeof(one)) == sizeof(one));
  acceptor_.join();
  ::close(listener_);
  ::unlink(path_.c_str());
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
}

}  // namespace signalbox
