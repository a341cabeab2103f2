#include "tests/testing/postgres_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <thread>

#include "base/check.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {
namespace {

constexpr char kSocketName[] = "/.s.PGSQL.5432";

sockaddr_un AddressOf(const std::string& directory) {
  const std::string path = directory + kSocketName;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  SB_CHECK(path.size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int NewSocket() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SB_CHECK(fd >= 0);
  return fd;
}

// False when the other side is gone.
bool SendAll(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

// Adds what there is to `to`; false when the other side is gone.
bool Receive(int fd, std::string* to) {
  char bytes[65536];
  ssize_t got = 0;
  do {
    got = ::recv(fd, bytes, sizeof(bytes), 0);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  to->append(bytes, static_cast<size_t>(got));
  return true;
}

size_t Int32At(const std::string& bytes, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(bytes[i])); };
  return byte(at) << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3);
}

// The length of the message with a type that begins at `at`; 0 when not all of it is there.
size_t MessageAt(const std::string& bytes, size_t at) {
  if (bytes.size() < at + 5) return 0;
  const size_t length = 1 + Int32At(bytes, at + 1);
  return bytes.size() < at + length ? 0 : length;
}

// Reads from the server until it is ready for the next query; false when it is gone first.
bool AwaitReady(int server, std::string* pending) {
  while (true) {
    for (size_t length; (length = MessageAt(*pending, 0)) > 0;) {
      const char type = (*pending)[0];
      pending->erase(0, length);
      if (type == 'Z') return true;
    }
    if (!Receive(server, pending)) return false;
  }
}

}  // namespace

struct PostgresProxy::State {
  TempDir directory{TempDir::Place::kShortPath};
  const PostgresCluster* cluster = nullptr;
  int listener = -1;
  int wake[2] = {-1, -1};  // readable at the end
  std::atomic<int64_t> count{0};
  std::atomic<int64_t> cut_at{0};
  std::atomic<Cut> how{Cut::kBefore};
  std::atomic<Counted> counted{Counted::kAll};
  std::atomic<bool> fired{false};
  std::thread acceptor;
  std::list<std::thread> connections;  // the acceptor's, until it has ended

  void Accept();
  void Serve(int client);
  // Passes on the whole round trips in `pending`; false when the connection is to be closed.
  bool PassOn(int server, bool* writes, std::string* pending);
};

void PostgresProxy::State::Accept() {
  while (true) {
    pollfd fds[] = {{listener, POLLIN, 0}, {wake[0], POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    if (fds[0].revents == 0) continue;
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) connections.emplace_back([this, client] { Serve(client); });
  }
}

void PostgresProxy::State::Serve(int client) {
  const int server = NewSocket();
  const sockaddr_un address = AddressOf(cluster->socket_directory());
  bool open = ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  bool started = false;  // the first message has no type
  bool writes = false;
  std::string pending;  // of the client's
  while (open) {
    pollfd fds[] = {{client, POLLIN, 0}, {server, POLLIN, 0}, {wake[0], POLLIN, 0}};
    if (::poll(fds, 3, -1) < 0 && errno != EINTR) break;
    if (fds[2].revents != 0) break;
    if (fds[1].revents != 0) {
      std::string answer;
      open = Receive(server, &answer) && SendAll(client, answer.data(), answer.size());
      continue;
    }
    if (fds[0].revents == 0) continue;
    open = Receive(client, &pending);
    if (open && !started && pending.size() >= 4 && pending.size() >= Int32At(pending, 0)) {
      const size_t length = Int32At(pending, 0);
      open = SendAll(server, pending.data(), length);
      pending.erase(0, length);
      started = true;
    }
    if (open && started) open = PassOn(server, &writes, &pending);
  }
  ::close(client);
  ::close(server);
}

bool PostgresProxy::State::PassOn(int server, bool* writes, std::string* pending) {
  size_t end = 0;
  for (size_t length; (length = MessageAt(*pending, end)) > 0;) {
    const char type = (*pending)[end];
    end += length;
    if (type == 'X') return false;
    if (type != 'S' && type != 'Q') continue;
    const std::string trip = pending->substr(0, end);
    pending->erase(0, end);
    end = 0;
    if (trip.find("READ WRITE") != std::string::npos) *writes = true;
    const bool counts = counted == Counted::kAll || *writes;
    if (counts && ++count == cut_at) {
      fired = true;
      if (how == Cut::kMiddle) SendAll(server, trip.data(), trip.size() / 2);
      if (how == Cut::kAfter && SendAll(server, trip.data(), trip.size())) {
        std::string answer;
        AwaitReady(server, &answer);
      }
      return false;
    }
    if (!SendAll(server, trip.data(), trip.size())) return false;
  }
  return true;
}

PostgresProxy::PostgresProxy(const PostgresCluster* cluster) : state_(std::make_unique<State>()) {
  state_->cluster = cluster;
  state_->listener = NewSocket();
  const sockaddr_un address = AddressOf(state_->directory.path());
  SB_CHECK(::bind(state_->listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
           0);
  SB_CHECK(::listen(state_->listener, 64) == 0);
  SB_CHECK(::pipe(state_->wake) == 0);
  state_->acceptor = std::thread([state = state_.get()] { state->Accept(); });
}

PostgresProxy::~PostgresProxy() {
  SB_CHECK(::write(state_->wake[1], "x", 1) == 1);
  state_->acceptor.join();
  for (std::thread& connection : state_->connections) connection.join();
  ::close(state_->listener);
  ::close(state_->wake[0]);
  ::close(state_->wake[1]);
}

std::string PostgresProxy::Url(const std::string& database) const {
  std::string url = state_->cluster->Url(database);
  const std::string& theirs = state_->cluster->socket_directory();
  const size_t at = url.rfind(theirs);
  SB_CHECK(at != std::string::npos);
  return url.replace(at, theirs.size(), state_->directory.path());
}

void PostgresProxy::CutAt(int64_t nth, Cut how, Counted counted) {
  state_->cut_at = 0;
  state_->how = how;
  state_->counted = counted;
  state_->fired = false;
  state_->count = 0;
  state_->cut_at = nth;
}

bool PostgresProxy::Fired() const { return state_->fired; }

int64_t PostgresProxy::Count() const { return state_->count; }

}  // namespace signalbox::testing
