#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/json.h"
#include "cli/exit_code.h"

namespace signalbox::cli {

// The value of -o.
enum class Format { kTable, kWide, kJson, kYaml, kName, kJsonl };

// "table", "wide", ...: in the order in which help lists them.
const std::vector<std::string>& FormatNames();
std::optional<Format> ParseFormat(absl::string_view name);

// What a piece of text says at a glance. Shown as colour where colour is allowed, else not at all.
enum class Tone { kPlain, kGood, kWarning, kBad, kFaint };

// One cell of a table.
struct Cell {
  Cell(std::string cell_text, Tone cell_tone = Tone::kPlain)
      : text(std::move(cell_text)), tone(cell_tone) {}
  Cell(absl::string_view cell_text) : text(cell_text) {}
  Cell(const char* cell_text) : text(cell_text) {}

  std::string text;
  Tone tone = Tone::kPlain;
};

struct Column {
  enum class Align { kLeft, kRight };
  enum class Shown { kAlways, kWide };  // kWide: with -o wide only

  Column(std::string column_title, Align column_align = Align::kLeft,
         Shown column_shown = Shown::kAlways)
      : title(std::move(column_title)), align(column_align), shown(column_shown) {}
  Column(const char* column_title) : title(column_title) {}

  std::string title;
  Align align = Align::kLeft;
  Shown shown = Shown::kAlways;
};

// Rows have a cell for every column.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

// What a verb found out, for every format at once.
struct Report {
  // The `kind` of the JSON envelope, in camel case: "NodeList".
  std::string kind;
  // For json, yaml and jsonl: an array for a list, an object for one thing.
  Json data;
  // For table and wide, when it has columns.
  Table table;
  // For table and wide, before the table: free text, whole lines without the last newline. Shown as
  // it is.
  std::string text;
  // For name: one "kind/name" each. Something that has no names is shown as a table instead.
  std::vector<std::string> names;
};

// An error as the user sees it.
struct Failure {
  Failure(absl::Status failure_status) : status(std::move(failure_status)) {}
  Failure(absl::Status failure_status, std::string failure_hint)
      : status(std::move(failure_status)), hint(std::move(failure_hint)) {}

  absl::Status status;
  // What to do next, one line; may be empty, as the others.
  std::string hint;
  // The path of the field at fault: "spec.connect_timeout". Empty: the first of
  // ViolationsOf(status), if any.
  std::string field;
  std::string request_id;
  // Instead of what follows from the status' code.
  std::optional<ExitCode> exit_code;
};

// Data as YAML 1.2 that a YAML 1.1 reader reads alike: block style, strings quoted where they would
// read as something else. Ends with a newline.
std::string ToYaml(const Json& value);

// Text with the control characters escaped, so that what a proxy or a file says cannot drive a
// terminal.
std::string Printable(absl::string_view text);

// How a command speaks: data on `out`, talk on `err`. One thread only.
class Output {
 public:
  struct Settings {
    Format format = Format::kTable;
    bool quiet = false;       // no talk but errors
    bool colour_out = false;  // `out` is a terminal that may be coloured
    bool colour_err = false;
  };

  // Both streams must outlive this object.
  Output(std::ostream* out, std::ostream* err) : out_(out), err_(err) {}

  void Configure(const Settings& settings) { settings_ = settings; }
  Format format() const { return settings_.format; }
  // Whether the format is for programs: json, yaml or jsonl.
  bool structured() const;

  // Prints the data in the chosen format: json and yaml in the envelope {schemaVersion, kind,
  // data}; jsonl as one line for each element of an array, without the envelope.
  void Print(const Report& report);

  // One line of talk on `err`; nothing with -q.
  void Say(absl::string_view line);
  // A line that begins with "warning: "; shown with -q too.
  void Warn(absl::string_view line);

  // Shows the error on `err`: its line or lines, one for each further violation attached to it, and
  // a hint; or with a structured format the envelope {code, message, field, retryable, hint,
  // request_id}. Returns what the process ends with.
  ExitCode Fail(const Failure& failure);

  // Writes as is to `out`: for verbs whose data is a document of its own (a bootstrap, an export).
  void Write(absl::string_view document);

  // Whether everything could be written to `out`; flushes it.
  bool Flush();

  // `text` in the colour of the tone where `out` may be coloured.
  std::string Coloured(absl::string_view text, Tone tone) const;

 private:
  void PrintTable(const Table& table);

  std::ostream* const out_;
  std::ostream* const err_;
  Settings settings_;
};

}  // namespace signalbox::cli
