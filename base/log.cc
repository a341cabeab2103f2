#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/mutex.h"

namespace signalbox::log {
namespace {

// Where lines go. Replaced as a whole, so that a line in the making keeps the one it began with.
struct Target {
  std::shared_ptr<spdlog::logger> logger;
  bool json;
};

std::shared_ptr<const Target> MakeTarget(const Settings& settings) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (settings.to != nullptr) {
    sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(*settings.to);
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
  auto logger = std::make_shared<spdlog::logger>("signalbox", std::move(sink));
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  const bool terminal = settings.to == nullptr && ::isatty(STDERR_FILENO) == 1;
  const bool json =
      settings.format == Format::kJson || (settings.format == Format::kAuto && !terminal);
  return std::make_shared<const Target>(Target{std::move(logger), json});
}

struct State {
  std::atomic<Level> level = Level::kInfo;

  Mutex mu;
  std::shared_ptr<const Target> target SB_GUARDED_BY(mu) = MakeTarget({});
};

// Never destroyed: threads may log until the very end.
State& GetState() {
  static State* const state = new State;
  return *state;
}

constexpr char kTimeFormat[] = "%Y-%m-%d%ET%H:%M:%E3SZ";

std::string JsonLine(Level level, const std::string& time, absl::string_view message,
                     Fields fields) {
  std::string line = absl::StrCat("{\"time\":\"", time, "\",\"level\":\"",
                                  LevelNames()[static_cast<size_t>(level)], "\",\"message\":");
  AppendJsonString(message, &line);
  for (const Field& field : fields) {
    line.push_back(',');
    AppendJsonString(field.name(), &line);
    line.push_back(':');
    if (field.bare()) {
      absl::StrAppend(&line, field.text());
    } else {
      AppendJsonString(field.text(), &line);
    }
  }
  line.push_back('}');
  return line;
}

std::string PrettyLine(Level level, const std::string& time, absl::string_view message,
                       Fields fields) {
  static constexpr const char* kLabels[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
  std::string line = absl::StrCat(time, " ", kLabels[static_cast<size_t>(level)], " ", message);
  bool first = true;
  for (const Field& field : fields) {
    absl::StrAppend(&line, first ? "  " : " ", field.name(), "=");
    first = false;
    std::string quoted;
    AppendJsonString(field.text(), &quoted);
    // Quotes only where the text needs them: with spaces, escapes, or nothing in it.
    const bool plain = quoted.size() == field.text().size() + 2 && !field.text().empty() &&
                       field.text().find_first_of(" =") == absl::string_view::npos;
    absl::StrAppend(&line, plain ? field.text() : absl::string_view(quoted));
  }
  return line;
}

void Write(Level level, absl::string_view message, Fields fields) {
  if (!IsOn(level)) return;
  State& state = GetState();
  std::shared_ptr<const Target> target;
  {
    MutexLock lock(&state.mu);
    target = state.target;
  }
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err};
  const std::string time = absl::FormatTime(kTimeFormat, absl::Now(), absl::UTCTimeZone());
  const std::string line = target->json ? JsonLine(level, time, message, fields)
                                        : PrettyLine(level, time, message, fields);
  target->logger->log(kLevels[static_cast<size_t>(level)],
                      spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

const std::vector<std::string>& LevelNames() {
  static const auto* const kNames =
      new std::vector<std::string>{"debug", "info", "warning", "error"};
  return *kNames;
}

std::optional<Level> ParseLevel(absl::string_view name) {
  for (size_t i = 0; i < LevelNames().size(); ++i) {
    if (LevelNames()[i] == name) return static_cast<Level>(i);
  }
  return std::nullopt;
}

std::optional<Format> ParseFormat(absl::string_view name) {
  if (name == "auto") return Format::kAuto;
  if (name == "pretty") return Format::kPretty;
  if (name == "json") return Format::kJson;
  return std::nullopt;
}

void SetUp(const Settings& settings) {
  State& state = GetState();
  std::shared_ptr<const Target> target = MakeTarget(settings);
  state.level = settings.level;
  MutexLock lock(&state.mu);
  state.target = std::move(target);
}

bool IsOn(Level level) { return level >= GetState().level.load(std::memory_order_relaxed); }

// A JSON number for what is finite, else a JSON string's content.
Field::Field(absl::string_view name, double value)
    : name_(name),
      owned_(Json(value).text()),
      text_(owned_),
      bare_(Json(value).kind() == Json::Kind::kNumber) {}

Field::Field(absl::string_view name, absl::Duration value)
    : name_(name), owned_(absl::FormatDuration(value)), text_(owned_) {}

Field::Field(absl::string_view name, const absl::Status& value)
    : name_(name),
      owned_(value.ToString(absl::StatusToStringMode::kWithNoExtraData)),
      text_(owned_) {}

void Debug(absl::string_view message, Fields fields) { Write(Level::kDebug, message, fields); }
void Info(absl::string_view message, Fields fields) { Write(Level::kInfo, message, fields); }
void Warning(absl::string_view message, Fields fields) { Write(Level::kWarning, message, fields); }
void Error(absl::string_view message, Fields fields) { Write(Level::kError, message, fields); }

}  // namespace signalbox::log
