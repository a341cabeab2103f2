#include "options/reload.h"

#include <catch2/catch.hpp>
#include <string>

#include "options/options.h"
#include "options/table.h"

namespace signalbox::options {
namespace {

Options Read(const std::vector<std::pair<std::string, std::string>>& flags) {
  return Options::Read({.flags = flags});
}

TEST_CASE("what changed is listed in the table's order, with where it is said now") {
  const std::vector<Change> changes =
      Changes(Read({{"log.level", "debug"}, {"environment", "a"}}),
              Read({{"log.level", "error"}, {"instances", "2"}, {"environment", "a"}}));
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].option->key == "instances");
  CHECK(changes[0].from == "1");
  CHECK(changes[0].to == "2");
  CHECK(changes[0].origin.ToString() == "--instances");
  CHECK(changes[0].option->reload == Reload::kRestart);
  CHECK(changes[1].option->key == "log.level");
  CHECK(changes[1].from == "debug");
  CHECK(changes[1].to == "error");
  CHECK(changes[1].option->reload == Reload::kLive);
}

TEST_CASE("to say the same elsewhere is no change") {
  CHECK(Changes(Read({}), Read({{"log.level", "info"}})).empty());
}

TEST_CASE("a password that changed is a change that does not show it") {
  const std::vector<Change> changes = Changes(Read({{"store.url", "postgres://u:a@h/d"}}),
                                              Read({{"store.url", "postgres://u:b@h/d"}}));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].from == "postgres://u:***@h/d");
  CHECK(changes[0].to == "postgres://u:***@h/d");
}

TEST_CASE("options take over what needs no restart and keep the rest") {
  const Options running = Read({{"instances", "2"}});
  const Options now =
      Read({{"log.level", "debug"}, {"store.slow_query", "1s"}, {"instances", "3"}});
  const Options then = running.WithLive(now);
  CHECK(then.Get("log.level").text == "debug");
  CHECK(then.Get("store.slow_query").text == "1s");
  CHECK(then.Get("instances").text == "2");
  const std::vector<Change> left = Changes(then, now);
  REQUIRE(left.size() == 1);
  CHECK(left[0].option->key == "instances");
}

}  // namespace
}  // namespace signalbox::options
