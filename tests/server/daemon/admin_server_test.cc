#include "server/daemon/admin_server.h"

#include <unistd.h>

#include <catch2/catch.hpp>

namespace signalbox {
namespace {

TEST_CASE("a peer has the name of the user behind its file descriptor") {
  PeerUsers users;
  users.Add(7, 0);
  CHECK(users.NameOf("fd:7") == "root");
}

TEST_CASE("a user without a name is told by number") {
  PeerUsers users;
  users.Add(7, 3999999);
  CHECK(users.NameOf("fd:7") == "uid 3999999");
}

TEST_CASE("a peer that was not accepted here is unknown") {
  PeerUsers users;
  users.Add(7, 0);
  CHECK(users.NameOf("fd:8") == "unknown");
  CHECK(users.NameOf("ipv4:127.0.0.1:7") == "unknown");
  CHECK(users.NameOf("fd:") == "unknown");
}

TEST_CASE("a descriptor that is used again has its newest user") {
  PeerUsers users;
  users.Add(7, 3999999);
  users.Add(7, 0);
  CHECK(users.NameOf("fd:7") == "root");
}

}  // namespace
}  // namespace signalbox
