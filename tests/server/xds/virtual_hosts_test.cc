#include "server/xds/virtual_hosts.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/snapshot/type_set.h"
#include "server/snapshot/type_set_interner.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox {
namespace {

using Names = std::vector<std::string>;

testing::XdsBodies& Bodies() {
  static auto* const bodies = new testing::XdsBodies();
  return *bodies;
}

TypeSetPtr Hosts(const std::vector<std::pair<std::string, Names>>& hosts) {
  std::vector<FragmentPtr> fragments;
  for (const auto& [name, domains] : hosts)
    fragments.push_back(Bodies().Make({"virtual-host", name, "1", domains}));
  return TypeSet::Of(std::move(fragments));
}

// With a client that has the route configurations `routes`.
struct Scene {
  Names Target(const Names& routes = {"rc"}) {
    const auto has = [&](const std::string& route) {
      return std::find(routes.begin(), routes.end(), route) != routes.end();
    };
    Names names;
    target = hosts.Target(has, &sets);
    target->ForEach([&](const FragmentPtr& host) { names.push_back(host->name()); });
    return names;
  }

  TypeSetInterner sets;
  VirtualHosts hosts;
  TypeSetPtr target;
};

TEST_CASE("all are those of the client's route configurations that are not on demand (XDS VHDS)") {
  Scene scene;
  const TypeSetPtr all =
      Hosts({{"rc/a", {}}, {"rc/b", {"on-demand"}}, {"rc/deep/a", {}}, {"other/a", {}}});
  scene.hosts.SetAll(all);
  CHECK(scene.Target().empty());
  scene.hosts.set_wildcard(true);
  CHECK(scene.Target() == Names{"rc/a"});
  const TypeSetPtr before = scene.target;
  CHECK(scene.Target() == Names{"rc/a"});
  CHECK(scene.target == before);
  CHECK(scene.Target({"rc", "rc/deep"}) == Names{"rc/a", "rc/deep/a"});
  scene.hosts.set_wildcard(false);
  CHECK(scene.Target().empty());

  // Where nothing is left out it is the set that all streams share.
  const TypeSetPtr plain = Hosts({{"rc/a", {}}, {"rc/c", {}}});
  scene.hosts.SetAll(plain);
  scene.hosts.set_wildcard(true);
  scene.Target();
  CHECK(scene.target == plain);
}

TEST_CASE("an alias is found as Envoy matches domains: exact, end, beginning, all (XDS X6)") {
  Scene scene;
  scene.hosts.SetAll(Hosts({{"rc/exact", {"www.foo.com"}},
                            {"rc/end", {"*.foo.com"}},
                            {"rc/longer-end", {"*.b.foo.com"}},
                            {"rc/beginning", {"www.*"}},
                            {"rc/second", {"www.foo.com"}},
                            {"other/all", {}}}));
  CHECK(scene.hosts.Ask("rc/www.foo.com") == "rc/exact");
  CHECK(scene.hosts.Ask("rc/WWW.Foo.com") == "rc/exact");
  CHECK(scene.hosts.Ask("rc/a.foo.com") == "rc/end");
  CHECK(scene.hosts.Ask("rc/a.b.foo.com") == "rc/longer-end");
  CHECK(scene.hosts.Ask("rc/www.bar.com") == "rc/beginning");
  CHECK(scene.hosts.Ask("rc/.foo.com").empty());
  CHECK(scene.hosts.Ask("rc/foo.com").empty());
  CHECK(scene.hosts.Ask("other/foo.com") == "other/all");
  // By its own name, too, which goes before domains.
  CHECK(scene.hosts.Ask("rc/end") == "rc/end");
  CHECK(scene.hosts.Ask("none").empty());
  CHECK(scene.hosts.Ask("/").empty());
  CHECK(scene.Target() ==
        Names{"other/all", "rc/beginning", "rc/end", "rc/exact", "rc/longer-end"});
}

TEST_CASE("what is asked for is due until it is answered, and again when it is there (XDS X6)") {
  Scene scene;
  scene.hosts.SetAll(Hosts({{"rc/a", {"a.com", "on-demand"}}}));
  scene.hosts.Ask("rc/a.com");
  scene.hosts.Ask("rc/new.com");
  CHECK(scene.hosts.Due() ==
        std::map<std::string, Names>{{"", {"rc/new.com"}}, {"rc/a", {"rc/a.com"}}});
  scene.hosts.NoteAnswered("rc/a.com");
  scene.hosts.NoteAnswered("rc/new.com");
  CHECK_FALSE(scene.hosts.any_due());
  CHECK(scene.hosts.IsAlias("rc/new.com"));

  scene.hosts.SetAll(Hosts({{"rc/a", {"a.com", "on-demand"}}, {"rc/n", {"new.com", "on-demand"}}}));
  CHECK(scene.hosts.Due() == std::map<std::string, Names>{{"rc/n", {"rc/new.com"}}});
  CHECK(scene.Target() == Names{"rc/a", "rc/n"});
  scene.hosts.NoteAnswered("rc/new.com");

  // What is gone is removed by its name: that there is nothing else was not asked again.
  scene.hosts.SetAll(Hosts({{"rc/a", {"a.com", "on-demand"}}}));
  CHECK_FALSE(scene.hosts.any_due());
  scene.hosts.Drop("rc/a.com");
  CHECK(scene.Target().empty());
  CHECK(scene.hosts.asked() == 1);
  CHECK(scene.hosts.asked_bytes() == 10);
}

}  // namespace
}  // namespace signalbox
