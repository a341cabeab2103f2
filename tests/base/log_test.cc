#include "base/log.h"

#include <catch2/catch.hpp>
#include <sstream>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "base/json.h"

namespace signalbox {
namespace {

// Logs into a string for a scope.
class Captured {
 public:
  explicit Captured(log::Format format, log::Level level = log::Level::kInfo) {
    log::SetUp({.level = level, .format = format, .to = &out_});
  }
  ~Captured() { log::SetUp({}); }

  std::vector<std::string> Lines() const {
    return absl::StrSplit(out_.str(), '\n', absl::SkipEmpty());
  }

 private:
  std::ostringstream out_;
};

TEST_CASE("a line before set-up is no error") { log::Debug("early", {{"n", 1}}); }

TEST_CASE("a JSON line holds the message and the fields, escaped") {
  const Captured captured(log::Format::kJson);
  log::Warning("refused \"it\"", {{"name", "a\nb\x1b"},
                                  {"count", 3},
                                  {"ok", false},
                                  {"share", 0.5},
                                  {"after", absl::Milliseconds(1500)},
                                  {"error", absl::NotFoundError("gone")},
                                  {"text", std::string("x")}});
  REQUIRE(captured.Lines().size() == 1);
  const absl::StatusOr<Json> line = Json::Parse(captured.Lines()[0]);
  REQUIRE(line.ok());
  absl::Time time;
  std::string error;
  CHECK(absl::ParseTime(absl::RFC3339_full, line->Find("time")->text(), &time, &error));
  CHECK(line->Find("time")->text().size() == 24);
  CHECK(line->Find("level")->text() == "warning");
  CHECK(line->Find("message")->text() == "refused \"it\"");
  CHECK(*line->Find("name") == Json("a\nb\x1b"));
  CHECK(*line->Find("count") == Json(3));
  CHECK(*line->Find("ok") == Json(false));
  CHECK(*line->Find("share") == Json(0.5));
  CHECK(*line->Find("after") == Json("1.5s"));
  CHECK(*line->Find("error") == Json("NOT_FOUND: gone"));
  CHECK(*line->Find("text") == Json("x"));
}

TEST_CASE("a pretty line quotes only what needs it") {
  const Captured captured(log::Format::kPretty);
  log::Info(
      "listening",
      {{"address", "127.0.0.1:1"}, {"why", "two words"}, {"empty", ""}, {"n", -1}, {"x", "a=b"}});
  REQUIRE(captured.Lines().size() == 1);
  CHECK(captured.Lines()[0].substr(24) ==
        " INFO  listening  address=127.0.0.1:1 why=\"two words\" empty=\"\" n=-1 x=\"a=b\"");
}

TEST_CASE("lines below the level are not written") {
  const Captured captured(log::Format::kPretty, log::Level::kWarning);
  CHECK_FALSE(log::IsOn(log::Level::kInfo));
  CHECK(log::IsOn(log::Level::kWarning));
  log::Debug("a");
  log::Info("b");
  log::Warning("c");
  log::Error("d");
  CHECK(captured.Lines().size() == 2);
}

TEST_CASE("lines of many threads stay whole") {
  const Captured captured(log::Format::kJson);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 200; ++i) log::Info("line", {{"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(captured.Lines().size() == 800);
  for (const std::string& line : captured.Lines()) REQUIRE(Json::Parse(line).ok());
}

TEST_CASE("levels and formats have names") {
  for (size_t i = 0; i < log::LevelNames().size(); ++i) {
    CHECK(log::ParseLevel(log::LevelNames()[i]) == static_cast<log::Level>(i));
  }
  CHECK_FALSE(log::ParseLevel("trace").has_value());
  CHECK(log::ParseFormat("auto") == log::Format::kAuto);
  CHECK(log::ParseFormat("pretty") == log::Format::kPretty);
  CHECK(log::ParseFormat("json") == log::Format::kJson);
  CHECK_FALSE(log::ParseFormat("xml").has_value());
}

}  // namespace
}  // namespace signalbox
