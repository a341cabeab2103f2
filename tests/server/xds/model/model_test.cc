// The engine against clients that share no code with it, by scripts drawn at random (steps.h). At
// rest every client holds exactly what the newest revision, its subscription and what it refuses
// call for; on the way no message is one that no client may be sent.
//
// SIGNALBOX_SEEDS=FIRST-LAST plays these; SIGNALBOX_STEPS gives them another length; SIGNALBOX_LONG
// plays ten times as many.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "tests/server/xds/model/run.h"
#include "tests/server/xds/model/steps.h"

namespace signalbox::testing {
namespace {

XdsBodies& Bodies() {
  static auto* const bodies = new XdsBodies();
  return *bodies;
}

int FromEnvironment(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

TEST_CASE("whatever happens, at rest every client holds exactly its view (XDS C6, C8)",
          "[xds][model]") {
  const bool is_long = std::getenv("SIGNALBOX_LONG") != nullptr;
  const int steps = FromEnvironment("SIGNALBOX_STEPS", 200);
  std::pair<int, int> seeds = {1, is_long ? 2500 : 250};
  if (const char* const range = std::getenv("SIGNALBOX_SEEDS")) {
    const std::pair<std::string, std::string> text = absl::StrSplit(range, '-');
    seeds.first = seeds.second = std::atoi(text.first.c_str());
    if (!text.second.empty()) seeds.second = std::atoi(text.second.c_str());
  }
  // A few failures are enough.
  for (int seed = seeds.first, failed = 0; seed <= seeds.second && failed < 5; ++seed) {
    INFO("seed " << seed);
    const Script script = Draw(static_cast<unsigned>(seed), steps);
    if (Play(&Bodies(), script).wrong.empty()) continue;
    const Script smallest = Shrink(&Bodies(), script, absl::Seconds(30));
    const Outcome outcome = Play(&Bodies(), smallest);
    ++failed;
    FAIL_CHECK(absl::StrCat("seed ", seed, ", shrunk to ", smallest.steps.size(), " steps:\n",
                            smallest.Text(), "what is wrong:\n", absl::StrJoin(outcome.wrong, "\n"),
                            "\nwhat happened:\n", absl::StrJoin(outcome.trace, "\n")));
  }
}

}  // namespace
}  // namespace signalbox::testing
