#include "server/types/virtual_host.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace signalbox {
namespace {

TEST_CASE("the route configuration of a virtual host stands before the last slash (XDS VHDS)") {
  CHECK(RouteOfVirtualHost("rc/foo.com") == "rc");
  CHECK(RouteOfVirtualHost("team/rc/foo.com") == "team/rc");
  CHECK(RouteOfVirtualHost("rc/") == "rc");
  CHECK(RouteOfVirtualHost("rc").empty());
  CHECK(RouteOfVirtualHost("").empty());
}

TEST_CASE("a virtual host that nobody could ask for is told how they are called") {
  CHECK(WrongVirtualHostName("rc/a").empty());
  CHECK(WrongVirtualHostName("team/rc/a").empty());
  for (const char* name : {"", "a", "/a", "rc/"}) {
    CAPTURE(name);
    CHECK_THAT(WrongVirtualHostName(name), Catch::Contains("ROUTE_CONFIGURATION/NAME"));
  }
}

TEST_CASE("a host is looked for as Envoy matches domains (XDS X6)") {
  DomainPatterns patterns;
  for (const char* domain : {"*.b", "*.c", "*b", "a.*", "a.b*", "*", "", "plain.com"})
    patterns.Add(domain);
  // A "*" stands for something.
  CHECK(VirtualHostAliases("r", "A.b", patterns) ==
        std::vector<std::string>{"r/a.b", "r/*.b", "r/*b", "r/a.*", "r/*"});
  CHECK(VirtualHostAliases("r", "a.bc", patterns) ==
        std::vector<std::string>{"r/a.bc", "r/*bc", "r/*c", "r/a.b*", "r/a.*", "r/*"});
  CHECK(VirtualHostAliases("r", "", patterns) == std::vector<std::string>{"r/", "r/*"});
  CHECK(VirtualHostAliases("r", "A.b", {}) == std::vector<std::string>{"r/a.b", "r/*"});
  // However long a host is, it is looked for by what there is.
  CHECK(VirtualHostAliases("r", std::string(4000, 'a'), patterns).size() == 6);
}

}  // namespace
}  // namespace signalbox
