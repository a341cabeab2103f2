#pragma once

#include <concepts>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// One line for each change of state, a few words and fields: log::Info("listening", {{"address",
// address}}). Works before SetUp and after it, from any thread. Secrets are never passed in.
namespace signalbox::log {

enum class Level { kDebug, kInfo, kWarning, kError };

enum class Format {
  kAuto,    // pretty when stderr is a terminal, else JSON
  kPretty,  // 2026-01-31T12:00:00.000Z INFO  listening  address=...
  kJson,    // {"time":"2026-01-31T12:00:00.000Z","level":"info","message":"listening",...}
};

// "debug", "info", "warning", "error".
const std::vector<std::string>& LevelNames();
std::optional<Level> ParseLevel(absl::string_view name);
// "auto", "pretty", "json".
std::optional<Format> ParseFormat(absl::string_view name);

struct Settings {
  Level level = Level::kInfo;
  Format format = Format::kAuto;
  // Instead of stderr, for tests: must outlive the next SetUp.
  std::ostream* to = nullptr;
};

// Applies to every line from now on.
void SetUp(const Settings& settings);

// Whether a line of this level is written: for callers whose fields cost something.
bool IsOn(Level level);

// A name and a value of a line; not the line's own names time, level and message. Lives as long as
// the call: text is not copied.
class Field {
 public:
  Field(absl::string_view name, absl::string_view value) : name_(name), text_(value) {}
  Field(absl::string_view name, const std::string& value) : name_(name), text_(value) {}
  Field(absl::string_view name, const char* value) : name_(name), text_(value) {}
  template <std::same_as<bool> T>
  Field(absl::string_view name, T value)
      : name_(name), text_(value ? "true" : "false"), bare_(true) {}
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) Field(absl::string_view name, T value)
      : name_(name), owned_(std::to_string(value)), text_(owned_), bare_(true) {}
  Field(absl::string_view name, double value);
  // As text: "1.5s".
  Field(absl::string_view name, absl::Duration value);
  // "NOT_FOUND: there is no ...".
  Field(absl::string_view name, const absl::Status& value);
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  absl::string_view name() const { return name_; }
  absl::string_view text() const { return text_; }
  // Whether it is a number or a truth value, which stands without quotes in JSON.
  bool bare() const { return bare_; }

 private:
  const absl::string_view name_;
  const std::string owned_;
  const absl::string_view text_;
  const bool bare_ = false;
};

using Fields = std::initializer_list<Field>;

// Each writes one line. `message` is a constant of a few words; what varies goes into the fields.
void Debug(absl::string_view message, Fields fields = {});
void Info(absl::string_view message, Fields fields = {});
void Warning(absl::string_view message, Fields fields = {});
void Error(absl::string_view message, Fields fields = {});

}  // namespace signalbox::log
