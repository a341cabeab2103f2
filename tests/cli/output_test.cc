#include "cli/output.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "absl/status/status.h"
#include "base/json.h"
#include "cli/exit_code.h"

namespace signalbox::cli {
namespace {

struct Spoken {
  explicit Spoken(const Output::Settings& settings) : output(&out, &err) {
    output.Configure(settings);
  }

  std::ostringstream out;
  std::ostringstream err;
  Output output;
};

Report TwoNodes() {
  Report report;
  report.kind = "NodeList";
  report.data =
      Json::Array({Json::Object({{"name", "a"}, {"revision", 7}}), Json::Object({{"name", "bb"}})});
  report.table.columns = {{"NODE"},
                          {"REV", Column::Align::kRight},
                          {"ADDRESS", Column::Align::kLeft, Column::Shown::kWide},
                          {"DETAIL"}};
  report.table.rows = {{"a", "7", "10.0.0.1", ""},
                       {"bb", "1234", "10.0.0.22", Cell("refused", Tone::kBad)}};
  report.names = {"node/a", "node/bb"};
  return report;
}

TEST_CASE("every format shows the same data") {
  struct Case {
    Format format;
    const char* want;
  };
  const Case cases[] = {
      {Format::kTable,
       "NODE   REV  DETAIL\n"
       "a        7\n"
       "bb    1234  refused\n"},
      {Format::kWide,
       "NODE   REV  ADDRESS    DETAIL\n"
       "a        7  10.0.0.1\n"
       "bb    1234  10.0.0.22  refused\n"},
      {Format::kJson,
       "{\n  \"schemaVersion\": 1,\n  \"kind\": \"NodeList\",\n  \"data\": [\n    {\n      "
       "\"name\": \"a\",\n"
       "      \"revision\": 7\n    },\n    {\n      \"name\": \"bb\"\n    }\n  ]\n}\n"},
      {Format::kYaml,
       "schemaVersion: 1\nkind: NodeList\ndata:\n  - name: a\n    revision: 7\n  - name: bb\n"},
      {Format::kName, "node/a\nnode/bb\n"},
      {Format::kJsonl, "{\"name\":\"a\",\"revision\":7}\n{\"name\":\"bb\"}\n"},
  };
  for (const Case& c : cases) {
    Spoken spoken({.format = c.format});
    spoken.output.Print(TwoNodes());
    CHECK(spoken.out.str() == c.want);
    CHECK(spoken.err.str().empty());
  }
}

TEST_CASE("an empty list is an empty array, and no name at all") {
  Report report{.kind = "NodeList", .data = Json::Array()};
  report.table.columns = {{"NODE"}};
  Spoken json({.format = Format::kJson});
  json.output.Print(report);
  CHECK(json.out.str() ==
        "{\n  \"schemaVersion\": 1,\n  \"kind\": \"NodeList\",\n  \"data\": []\n}\n");
  Spoken name({.format = Format::kName});
  name.output.Print(report);
  CHECK(name.out.str().empty());
  Spoken jsonl({.format = Format::kJsonl});
  jsonl.output.Print(report);
  CHECK(jsonl.out.str().empty());
}

TEST_CASE("colour is for terminals only, and does not move columns") {
  Spoken spoken({.colour_out = true});
  Report report;
  report.table.columns = {{"STATE"}, {"NODE"}};
  report.table.rows = {{Cell("NACK", Tone::kBad), "a"}};
  spoken.output.Print(report);
  CHECK(spoken.out.str() == "STATE  NODE\n\x1b[31mNACK\x1b[0m   a\n");
}

TEST_CASE("what a proxy says cannot drive the terminal") {
  Spoken spoken({});
  Report report;
  report.table.columns = {{"DETAIL"}};
  report.table.rows = {{Cell("a\x1b[2Jb\nc\x7f\xc2\x9b")}};
  spoken.output.Print(report);
  CHECK(spoken.out.str() == "DETAIL\na\\x1b[2Jb\\nc\\x7f\\x9b\n");
  CHECK(Printable("\xc3\xa9 \xe2\x86\x92") == "\xc3\xa9 \xe2\x86\x92");
}

TEST_CASE("an error is a line and a hint") {
  Spoken spoken({.quiet = true});
  const ExitCode code =
      spoken.output.Fail({absl::NotFoundError("there is no cluster/a"), "`signalbox get cluster`"});
  CHECK(code == ExitCode::kNotFound);
  CHECK(spoken.err.str() == "error: there is no cluster/a\nhint: `signalbox get cluster`\n");
  CHECK(spoken.out.str().empty());
}

TEST_CASE("with a structured format an error is the envelope") {
  Failure failure(absl::UnavailableError("no answer"));
  failure.field = "spec.name";
  failure.request_id = "r1";
  Spoken spoken({.format = Format::kJsonl});
  CHECK(spoken.output.Fail(failure) == ExitCode::kUnavailable);
  CHECK(spoken.err.str() ==
        "{\"code\":\"UNAVAILABLE\",\"message\":\"no "
        "answer\",\"field\":\"spec.name\",\"retryable\":true,\"hint\":\"\","
        "\"request_id\":\"r1\"}\n");
}

TEST_CASE("-q silences talk but neither warnings nor data") {
  Spoken quiet({.quiet = true});
  quiet.output.Say("applying");
  quiet.output.Warn("careful");
  quiet.output.Print({.text = "data"});
  CHECK(quiet.err.str() == "warning: careful\n");
  CHECK(quiet.out.str() == "data\n");
  Spoken loud({});
  loud.output.Say("applying");
  CHECK(loud.err.str() == "applying\n");
}

TEST_CASE("every status code has its exit code") {
  using absl::StatusCode;
  const std::pair<StatusCode, ExitCode> cases[] = {
      {StatusCode::kOk, ExitCode::kDone},
      {StatusCode::kUnauthenticated, ExitCode::kNotAllowed},
      {StatusCode::kPermissionDenied, ExitCode::kNotAllowed},
      {StatusCode::kNotFound, ExitCode::kNotFound},
      {StatusCode::kAlreadyExists, ExitCode::kConflict},
      {StatusCode::kFailedPrecondition, ExitCode::kConflict},
      {StatusCode::kAborted, ExitCode::kConflict},
      {StatusCode::kInvalidArgument, ExitCode::kInvalid},
      {StatusCode::kOutOfRange, ExitCode::kInvalid},
      {StatusCode::kUnavailable, ExitCode::kUnavailable},
      {StatusCode::kDeadlineExceeded, ExitCode::kUnavailable},
      {StatusCode::kResourceExhausted, ExitCode::kUnavailable},
      {StatusCode::kCancelled, ExitCode::kUnavailable},
      {StatusCode::kInternal, ExitCode::kInternal},
      {StatusCode::kDataLoss, ExitCode::kInternal},
      {StatusCode::kUnknown, ExitCode::kInternal},
      {StatusCode::kUnimplemented, ExitCode::kInternal},
  };
  for (const auto& [code, want] : cases) CHECK(ExitCodeOf(code) == want);
  CHECK(IsRetryable(StatusCode::kAborted));
  CHECK_FALSE(IsRetryable(StatusCode::kFailedPrecondition));
}

TEST_CASE("YAML reads back as the same values in YAML 1.1 and 1.2") {
  const std::pair<Json, const char*> cases[] = {
      {"plain text", "plain text\n"},
      {"0.25s", "0.25s\n"},
      {"type.googleapis.com/envoy.config.listener.v3.Listener",
       "type.googleapis.com/envoy.config.listener.v3.Listener\n"},
      {"/path", "/path\n"},
      {"", "\"\"\n"},
      {"1.10", "\"1.10\"\n"},
      {"10.0.0.1", "\"10.0.0.1\"\n"},
      {"0x1F", "\"0x1F\"\n"},
      {"1e3", "\"1e3\"\n"},
      {"12:30:45", "\"12:30:45\"\n"},
      {"2026-01-01", "\"2026-01-01\"\n"},
      {"no", "\"no\"\n"},
      {"Null", "\"Null\"\n"},
      {"~", "\"~\"\n"},
      {".inf", "\".inf\"\n"},
      {"-1", "\"-1\"\n"},
      {"*", "\"*\"\n"},
      {"@type", "\"@type\"\n"},
      {"a: b", "\"a: b\"\n"},
      {"a #b", "\"a #b\"\n"},
      {"a#b", "a#b\n"},
      {"ends:", "\"ends:\"\n"},
      {"two\nlines", "\"two\\nlines\"\n"},
      {Json::Number("1.10"), "1.10\n"},
      {true, "true\n"},
      {Json(), "null\n"},
      {Json::Array(), "[]\n"},
      {Json::Object(), "{}\n"},
      {Json::Object({{"a", Json::Array({Json::Array({1, 2}),
                                        Json::Object({{"b", Json::Object()}, {"no", 1}})})}}),
       "a:\n  - - 1\n    - 2\n  - b: {}\n    \"no\": 1\n"},
  };
  for (const auto& [value, want] : cases) CHECK(ToYaml(value) == want);
}

}  // namespace
}  // namespace signalbox::cli
