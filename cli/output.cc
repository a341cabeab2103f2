#include "cli/output.h"

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/error_details.h"

namespace signalbox::cli {
namespace {

// What the JSON envelope says of its own shape. Grows only when a member is removed or changes its
// meaning.
constexpr int kSchemaVersion = 1;

std::string ToneCode(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kFaint:
      return "\x1b[2m";
  }
  return "";
}

// How many columns of a terminal the text takes, a code point counted as one.
size_t Width(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

std::string CodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

bool LooksLikeAnotherType(absl::string_view text) {
  static const char* const kWords[] = {"null", "~",  "true", "false", "yes",
                                       "no",   "on", "off",  "y",     "n"};
  const std::string lower = absl::AsciiStrToLower(text);
  if (std::any_of(std::begin(kWords), std::end(kWords),
                  [&](const char* word) { return lower == word; }))
    return true;
  const char first = text[0];
  if (absl::string_view("+.-=<").find(first) != absl::string_view::npos) return true;
  // What could be a number, a time or a date: 1.10, 0x1f, 12:30, 2026-01-01, 1e3.
  return absl::ascii_isdigit(first) &&
         text.find_first_not_of("0123456789abcdefABCDEFxXoO.:_+-,TZtz ") == text.npos;
}

bool IsPlainYaml(absl::string_view text) {
  if (text.empty() || LooksLikeAnotherType(text)) return false;
  if (absl::string_view(" \t!&*?|>%@`\"'#,[]{}:").find(text[0]) != absl::string_view::npos)
    return false;
  if (text.back() == ' ' || text.back() == ':') return false;
  if (text.find(": ") != absl::string_view::npos || text.find(" #") != absl::string_view::npos)
    return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) >= 0x20 && c != 0x7F; });
}

// A JSON string is a YAML double-quoted one.
std::string YamlScalar(const Json& value) {
  if (value.kind() == Json::Kind::kString && IsPlainYaml(value.text())) return value.text();
  return value.Dump();
}

bool IsBlock(const Json& value) { return !value.elements().empty() || !value.members().empty(); }

void AppendYaml(const Json& value, size_t indent, std::string* out) {
  const std::string margin(indent, ' ');
  if (value.is_object()) {
    bool first = true;
    for (const Json::Member& member : value.members()) {
      if (!first) out->append(margin);
      first = false;
      absl::StrAppend(out, YamlScalar(Json(member.first)), ":");
      if (!IsBlock(member.second)) {
        absl::StrAppend(out, " ", YamlScalar(member.second), "\n");
      } else {
        const size_t inner = indent + 2;
        absl::StrAppend(out, "\n", std::string(inner, ' '));
        AppendYaml(member.second, inner, out);
      }
    }
    return;
  }
  bool first = true;
  for (const Json& element : value.elements()) {
    if (!first) out->append(margin);
    first = false;
    out->append("- ");
    if (IsBlock(element)) {
      AppendYaml(element, indent + 2, out);
    } else {
      absl::StrAppend(out, YamlScalar(element), "\n");
    }
  }
}

}  // namespace

const std::vector<std::string>& FormatNames() {
  static const auto* const kNames =
      new std::vector<std::string>{"table", "wide", "json", "yaml", "name", "jsonl"};
  return *kNames;
}

std::optional<Format> ParseFormat(absl::string_view name) {
  static constexpr Format kFormats[] = {Format::kTable, Format::kWide, Format::kJson,
                                        Format::kYaml,  Format::kName, Format::kJsonl};
  for (size_t i = 0; i < FormatNames().size(); ++i) {
    if (FormatNames()[i] == name) return kFormats[i];
  }
  return std::nullopt;
}

std::string ToYaml(const Json& value) {
  if (!IsBlock(value)) return absl::StrCat(YamlScalar(value), "\n");
  std::string out;
  AppendYaml(value, 0, &out);
  return out;
}

std::string Printable(absl::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t c = static_cast<uint8_t>(text[i]);
    if (c == '\n') {
      out.append("\\n");
    } else if (c == '\t') {
      out.append("\\t");
    } else if (c < 0x20 || c == 0x7F) {
      absl::StrAppend(&out, "\\x", std::string{kHex[c >> 4], kHex[c & 0xF]});
    } else if (c == 0xC2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) >= 0x80 &&
               static_cast<uint8_t>(text[i + 1]) < 0xA0) {
      // U+0080 to U+009F, which some terminals obey.
      ++i;
      absl::StrAppend(&out, "\\x",
                      std::string{kHex[static_cast<uint8_t>(text[i]) >> 4], kHex[text[i] & 0xF]});
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

bool Output::structured() const {
  return settings_.format == Format::kJson || settings_.format == Format::kYaml ||
         settings_.format == Format::kJsonl;
}

void Output::Print(const Report& report) {
  if (settings_.format == Format::kJsonl) {
    if (!report.data.is_array()) *out_ << report.data.Dump() << '\n';
    for (const Json& element : report.data.elements()) *out_ << element.Dump() << '\n';
    return;
  }
  if (structured()) {
    const Json envelope = Json::Object(
        {{"schemaVersion", kSchemaVersion}, {"kind", report.kind}, {"data", report.data}});
    if (settings_.format == Format::kYaml) {
      *out_ << ToYaml(envelope);
    } else {
      *out_ << envelope.Pretty() << '\n';
    }
    return;
  }
  const bool empty_list = report.data.is_array() && report.data.elements().empty();
  if (settings_.format == Format::kName && (empty_list || !report.names.empty())) {
    for (const std::string& name : report.names) *out_ << Printable(name) << '\n';
    return;
  }
  if (!report.text.empty()) *out_ << report.text << '\n';
  if (!report.table.columns.empty()) PrintTable(report.table);
}

void Output::PrintTable(const Table& table) {
  std::vector<size_t> shown;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].shown == Column::Shown::kAlways || settings_.format == Format::kWide)
      shown.push_back(i);
  }
  std::vector<std::vector<Cell>> lines;
  lines.emplace_back();
  for (const Column& column : table.columns) lines[0].emplace_back(column.title);
  for (const std::vector<Cell>& row : table.rows) {
    SB_CHECK(row.size() == table.columns.size());
    lines.push_back(row);
    for (Cell& cell : lines.back()) cell.text = Printable(cell.text);
  }
  std::vector<size_t> widths(table.columns.size(), 0);
  for (const std::vector<Cell>& line : lines) {
    for (const size_t i : shown) widths[i] = std::max(widths[i], Width(line[i].text));
  }
  for (const std::vector<Cell>& line : lines) {
    std::string text;
    size_t pending =
        0;  // spaces that are written only when something follows, so that no line ends in them
    for (const size_t i : shown) {
      const size_t room = widths[i] - Width(line[i].text);
      const bool right = table.columns[i].align == Column::Align::kRight;
      if (right) pending += room;
      if (!line[i].text.empty()) {
        text.append(pending, ' ');
        text.append(Coloured(line[i].text, line[i].tone));
        pending = 0;
      }
      pending += (right ? 0 : room) + 2;
    }
    *out_ << text << '\n';
  }
}

void Output::Say(absl::string_view line) {
  if (!settings_.quiet) *err_ << std::string(line) << '\n';
}

void Output::Warn(absl::string_view line) {
  const std::string code = settings_.colour_err ? ToneCode(Tone::kWarning) : "";
  *err_ << code << "warning:" << (code.empty() ? "" : "\x1b[0m") << ' ' << Printable(line) << '\n';
}

ExitCode Output::Fail(const Failure& failure) {
  const absl::StatusCode code = failure.status.code();
  const ExitCode exit_code = failure.exit_code.value_or(ExitCodeOf(code));
  const std::vector<FieldViolation> violations = ViolationsOf(failure.status);
  if (structured()) {
    const Json envelope =
        Json::Object({{"code", CodeName(code)},
                      {"message", failure.status.message()},
                      {"field", failure.field.empty() && !violations.empty() ? violations[0].field
                                                                             : failure.field},
                      {"retryable", IsRetryable(code)},
                      {"hint", failure.hint},
                      {"request_id", failure.request_id}});
    if (settings_.format == Format::kYaml) {
      *err_ << ToYaml(envelope);
    } else {
      *err_ << (settings_.format == Format::kJson ? envelope.Pretty() : envelope.Dump()) << '\n';
    }
    return exit_code;
  }
  const std::string red = settings_.colour_err ? ToneCode(Tone::kBad) : "";
  for (const absl::string_view line : absl::StrSplit(failure.status.message(), '\n')) {
    *err_ << red << "error:" << (red.empty() ? "" : "\x1b[0m") << ' ' << Printable(line) << '\n';
  }
  // The first one is the message itself.
  for (size_t i = 1; i < violations.size(); ++i)
    *err_ << "       " << Printable(violations[i].ToString()) << '\n';
  if (!failure.hint.empty()) *err_ << "hint: " << Printable(failure.hint) << '\n';
  return exit_code;
}

void Output::Write(absl::string_view document) {
  out_->write(document.data(), static_cast<std::streamsize>(document.size()));
}

bool Output::Flush() { return static_cast<bool>(out_->flush()); }

std::string Output::Coloured(absl::string_view text, Tone tone) const {
  const std::string code = settings_.colour_out ? ToneCode(tone) : "";
  return code.empty() ? std::string(text) : absl::StrCat(code, text, "\x1b[0m");
}

}  // namespace signalbox::cli
