#include "server/xds/node_memory.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/xds/limits.h"

namespace signalbox {
namespace {

NodeMemory With(const std::string& name) {
  NodeMemory memory;
  memory.types["cluster"].unsettled = {name};
  return memory;
}

std::string NameIn(const NodeMemory& memory) {
  return memory.empty() ? "" : memory.types.at("cluster").unsettled.at(0);
}

TEST_CASE("a client's memory is found by its id and its build", "[node_memory]") {
  NodeMemories memories;
  CHECK(memories.Recall("n1", "envoy 1.40.0").empty());
  memories.Keep("n1", "envoy 1.40.0", With("a"));
  CHECK(NameIn(memories.Recall("n1", "envoy 1.40.0")) == "a");
  CHECK(memories.Recall("n1", "envoy 1.41.0").empty());
  CHECK(memories.Recall("n2", "envoy 1.40.0").empty());
  memories.Keep("n1", "envoy 1.40.0", With("b"));
  CHECK(NameIn(memories.Recall("n1", "envoy 1.40.0")) == "b");
  memories.Keep("n1", "envoy 1.40.0", {});
  CHECK(memories.Recall("n1", "envoy 1.40.0").empty());
}

TEST_CASE("the least recently used memory goes first", "[node_memory]") {
  NodeMemories memories;
  for (size_t i = 0; i < limits::kMaxRememberedNodes; ++i)
    memories.Keep(absl::StrCat("n", i), "", With("x"));
  // n0 is used, n1 is written; n2 is the oldest now.
  CHECK_FALSE(memories.Recall("n0", "").empty());
  memories.Keep("n1", "", With("y"));
  memories.Keep("one more", "", With("z"));
  CHECK_FALSE(memories.Recall("n0", "").empty());
  CHECK(NameIn(memories.Recall("n1", "")) == "y");
  CHECK(memories.Recall("n2", "").empty());
  CHECK_FALSE(memories.Recall("n3", "").empty());
  CHECK_FALSE(memories.Recall("one more", "").empty());
}

}  // namespace
}  // namespace signalbox
