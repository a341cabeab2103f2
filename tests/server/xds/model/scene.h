#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/xds/fixture.h"
#include "tests/server/xds/model/world.h"
#include "tests/testing/fake_clock.h"

namespace signalbox::testing {

// What all clients of a run share.
struct Scene {
  XdsBodies* bodies = nullptr;
  FakeClock clock;
  World world;
  std::unique_ptr<Server> server;
  std::vector<std::string> trace;
  std::vector<std::string> violations;

  const ResourceType& Type(int type) const {
    return *bodies->registry().FindByShortName(kTypes[static_cast<size_t>(type)].name);
  }
  int IndexOf(const ResourceType& type) const {
    for (size_t i = 0; i < kTypes.size(); ++i) {
      if (type.short_name() == kTypes[i].name) return static_cast<int>(i);
    }
    return -1;
  }
};

// A message, and what was true when it was composed.
struct Received {
  Message message;
  int type = 0;
  int64_t revision = 0;
  absl::Time at;
  bool wildcard = false;  // the interest then
  std::set<std::string> names;
  std::set<int> asked;  // the types that this stream had asked for

  bool Covers(const std::string& name) const { return wildcard || names.contains(name); }
  std::string Text() const {
    std::string text = absl::StrCat(kTypes[static_cast<size_t>(type)].name, " ", message.nonce);
    for (const auto& [name, tag] : message.resources) absl::StrAppend(&text, " ", name, "=", tag);
    for (const std::string& name : message.removed) absl::StrAppend(&text, " -", name);
    return text;
  }
};

// A request, in either variant's words.
struct Ask {
  std::vector<std::string> names;  // SotW
  std::vector<std::string> subscribe;
  std::vector<std::string> unsubscribe;
  std::map<std::string, std::string> initial;  // name -> tag
  std::string nonce;
  std::string version;  // SotW
  std::optional<std::string> error;
};

}  // namespace signalbox::testing
