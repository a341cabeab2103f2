#include "cli/yaml_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/utf8.h"

namespace signalbox::cli {
namespace {

using NodePtr = std::shared_ptr<const YamlNode>;

constexpr absl::string_view kPlainTag = "?";
constexpr absl::string_view kQuotedTag = "!";
constexpr absl::string_view kCoreTag = "tag:yaml.org,2002:";

Position At(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Ends the parser's run; caught with its own errors.
[[noreturn]] void Stop(const YAML::Mark& mark, const std::string& text) {
  throw YAML::ParserException(mark, text);
}

// Builds the trees from the parser's events.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::vector<absl::string_view> lines, YamlFile* file)
      : lines_(std::move(lines)), file_(file) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (started_ && !BeginsDocument(mark.line)) {
      Stop(mark,
           "indentation ends the document here; indent as the lines above, or begin a new one with "
           "\"---\"");
    }
    started_ = true;
    anchors_.clear();
  }

  void OnDocumentEnd() override {
    if (root_ != nullptr && root_->kind != YamlNode::Kind::kNull) file_->documents.push_back(root_);
    root_ = nullptr;
    file_->errors.insert(file_->errors.end(), bad_keys_.begin(), bad_keys_.end());
    bad_keys_.clear();
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(mark, anchor, NewNode(mark, YamlNode::Kind::kNull));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto node = anchors_.find(anchor);
    if (node == anchors_.end()) Stop(mark, "an alias within what it stands for");
    Add(mark, 0, node->second);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = NewNode(mark, YamlNode::Kind::kScalar);
    node->text = value;
    absl::string_view type = tag;
    if (absl::ConsumePrefix(&type, kCoreTag)) {
      node->plain = type != "str";
      if (type != "str" && type != "int" && type != "float" && type != "bool" && type != "null")
        UnknownTag(mark, tag);
      if (type == "null") node->kind = YamlNode::Kind::kNull;
    } else {
      node->plain = tag == kPlainTag;
      if (tag != kPlainTag && tag != kQuotedTag) UnknownTag(mark, tag);
    }
    Add(mark, anchor, std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, "seq", anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, "map", anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  // A list or mapping that is not closed yet.
  struct Level {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor = 0;
    std::optional<YamlMember> key;                     // read, and its value not yet
    bool merging = false;                              // the key is `<<`
    std::vector<std::pair<Position, NodePtr>> merged;  // what stands behind `<<`
    absl::flat_hash_map<std::string, Position> keys;   // of a mapping, where they stand
  };

  std::shared_ptr<YamlNode> NewNode(const YAML::Mark& mark, YamlNode::Kind kind) {
    Count(mark, 1);
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->position = At(mark);
    return node;
  }

  void Count(const YAML::Mark& mark, size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > kMaxYamlNodes)
      Stop(mark, absl::StrCat("more than ", kMaxYamlNodes, " values; use several files"));
  }

  void Report(Position position, std::string text) {
    file_->errors.push_back({position, std::move(text)});
  }

  void UnknownTag(const YAML::Mark& mark, const std::string& tag) {
    Report(At(mark), absl::StrCat("the tag \"", tag, "\" has no meaning here; leave it out"));
  }

  void Open(const YAML::Mark& mark, const std::string& tag, absl::string_view type,
            YAML::anchor_t anchor, YamlNode::Kind kind) {
    if (tag != kPlainTag && tag != kQuotedTag && tag != absl::StrCat(kCoreTag, type))
      UnknownTag(mark, tag);
    if (levels_.size() >= kMaxYamlDepth)
      Stop(mark, absl::StrCat("nested deeper than ", kMaxYamlDepth, " levels"));
    Level level;
    level.node = NewNode(mark, kind);
    level.anchor = anchor;
    levels_.push_back(std::move(level));
  }

  void Close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    for (const auto& [position, node] : level.merged) Merge(position, *node, &level);
    YAML::Mark mark;
    mark.line = level.node->position.line - 1;
    mark.column = level.node->position.column - 1;
    Add(mark, level.anchor, std::move(level.node));
  }

  // A finished value goes where it belongs: the root, a list's end, a key, a key's value.
  void Add(const YAML::Mark& mark, YAML::anchor_t anchor, NodePtr node) {
    if (anchor != 0) anchors_[anchor] = node;
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node->kind == YamlNode::Kind::kList) {
      level.node->elements.push_back(std::move(node));
    } else if (!level.key) {
      if (node->kind != YamlNode::Kind::kScalar) {
        bad_keys_.push_back({At(mark), "a key must be plain text"});
      }
      level.key = {node->text, At(mark), nullptr};
      level.merging = node->plain && node->text == "<<";
    } else {
      AddValue(std::move(node), &level);
    }
  }

  void AddValue(NodePtr node, Level* level) {
    YamlMember member = *std::exchange(level->key, std::nullopt);
    if (level->merging) {
      level->merged.emplace_back(member.position, std::move(node));
      return;
    }
    const auto [first, fresh] = level->keys.emplace(member.key, member.position);
    if (!fresh) {
      Report(member.position,
             absl::StrCat("\"", member.key, "\" stands here twice; the first is in line ",
                          first->second.line));
      return;
    }
    member.value = std::move(node);
    level->node->members.push_back(std::move(member));
  }

  // `<<`: the members of a mapping, or of each in a list, that are not there already.
  void Merge(Position position, const YamlNode& source, Level* level) {
    if (source.kind == YamlNode::Kind::kList) {
      for (const NodePtr& element : source.elements) {
        if (element->kind != YamlNode::Kind::kMap) {
          return Report(position, "\"<<\" takes a mapping or a list of mappings");
        }
        Merge(position, *element, level);
      }
      return;
    }
    if (source.kind != YamlNode::Kind::kMap)
      return Report(position, "\"<<\" takes a mapping or a list of mappings");
    YAML::Mark mark;
    mark.line = position.line - 1;
    mark.column = position.column - 1;
    Count(mark, source.members.size());
    for (const YamlMember& member : source.members) {
      if (level->keys.emplace(member.key, member.position).second)
        level->node->members.push_back(member);
    }
  }

  // Whether a document after the first may begin in that line, counted from 0. The parser begins
  // one wherever the last has ended, which a mistake in the indentation brings about.
  bool BeginsDocument(int line) const {
    if (line < 0 || line >= static_cast<int>(lines_.size())) return true;
    if (absl::StartsWith(lines_[line], "---") || absl::StartsWith(lines_[line], "{")) return true;
    while (--line >= 0) {
      const absl::string_view text = absl::StripAsciiWhitespace(lines_[line]);
      if (!text.empty() && text[0] != '#') return absl::StartsWith(lines_[line], "...");
    }
    return true;
  }

  const std::vector<absl::string_view> lines_;
  YamlFile* const file_;
  bool started_ = false;
  size_t nodes_ = 0;
  NodePtr root_;
  std::vector<Level> levels_;
  std::vector<YamlError>
      bad_keys_;  // forgotten if the document is not YAML: the parser makes up what it misses
  std::map<YAML::anchor_t, NodePtr> anchors_;  // finished ones
};

Position PositionOfByte(absl::string_view content, size_t byte) {
  const absl::string_view before = content.substr(0, byte);
  const size_t line_start =
      before.rfind('\n') == absl::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(byte - line_start) + 1};
}

// Where the text stops being text, if it does.
std::optional<YamlError> FindNoText(absl::string_view content) {
  const size_t end = std::min(Utf8PrefixLength(content), content.find('\0'));
  if (end >= content.size()) return std::nullopt;
  return YamlError{PositionOfByte(content, end), "not YAML: not text in UTF-8"};
}

std::optional<uint32_t> SurrogateAt(absl::string_view text, size_t at, uint32_t low,
                                    uint32_t high) {
  uint32_t value = 0;
  if (text.substr(at, 2) != "\\u" || !absl::SimpleHexAtoi(text.substr(at + 2, 4), &value))
    return std::nullopt;
  return value >= low && value <= high ? std::optional<uint32_t>(value) : std::nullopt;
}

// JSON writes what is beyond U+FFFF as two escapes, which YAML does not know; it has one of 8
// digits.
std::string JoinSurrogates(absl::string_view text) {
  std::string joined;
  for (size_t i = 0; i < text.size();) {
    const auto high = SurrogateAt(text, i, 0xD800, 0xDBFF);
    const auto low = high ? SurrogateAt(text, i + 6, 0xDC00, 0xDFFF) : std::nullopt;
    if (low) {
      const uint32_t point = 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00);
      absl::StrAppend(&joined, "\\U", absl::Hex(point, absl::kZeroPad8));
      i += 12;
      continue;
    }
    const size_t step = text[i] == '\\' && i + 1 < text.size() ? 2 : 1;
    joined.append(text.data() + i, step);
    i += step;
  }
  return joined;
}

// With line ends that the parser counts as we do, and an end that an open quotation cannot run
// over.
std::string Prepare(absl::string_view content) {
  absl::ConsumePrefix(&content, "\xEF\xBB\xBF");
  std::string text = absl::StrReplaceAll(content, {{"\r\n", "\n"}, {"\r", "\n"}});
  const absl::string_view start = absl::StripLeadingAsciiWhitespace(text);
  if (absl::StartsWith(start, "{") || absl::StartsWith(start, "[")) text = JoinSurrogates(text);
  if (!absl::EndsWith(text, "\n")) text.push_back('\n');
  text.append("...\n");
  return text;
}

std::string Explain(const std::string& message) {
  if (absl::StrContains(message, "illegal document indicator in scalar"))
    return "a quotation that is not closed";
  if (absl::StrContains(message, "illegal tab"))
    return absl::StrCat(message, "; indent with spaces");
  if (absl::StrContains(message, "illegal map value")) {
    return absl::StrCat(message, "; check the indentation, and quote a text that holds \": \"");
  }
  return message;
}

}  // namespace

const YamlMember* YamlNode::Find(absl::string_view key) const {
  for (const YamlMember& member : members) {
    if (member.key == key) return &member;
  }
  return nullptr;
}

YamlFile ReadYaml(absl::string_view content) {
  YamlFile file;
  if (auto error = FindNoText(content)) {
    file.errors.push_back(*std::move(error));
    return file;
  }
  const std::string text = Prepare(content);
  Builder builder(absl::StrSplit(text, '\n'), &file);
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    file.errors.push_back({At(error.mark), absl::StrCat("not YAML: ", Explain(error.msg))});
  }
  return file;
}

}  // namespace signalbox::cli
