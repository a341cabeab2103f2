#include "cli/yaml_document.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

namespace signalbox::cli {
namespace {

// A node as text: plain scalars bare, others in quotes, keys with their line and column.
std::string Show(const YamlNode& node) {
  std::string text;
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kScalar:
      return node.plain ? node.text : "'" + node.text + "'";
    case YamlNode::Kind::kList:
      for (const auto& element : node.elements) text += (text.empty() ? "" : ", ") + Show(*element);
      return "[" + text + "]";
    case YamlNode::Kind::kMap:
      for (const YamlMember& member : node.members) {
        text += (text.empty() ? "" : ", ") + member.key + ": " + Show(*member.value);
      }
      return "{" + text + "}";
  }
  return text;
}

std::vector<std::string> Documents(const std::string& content) {
  const YamlFile file = ReadYaml(content);
  for (const YamlError& error : file.errors) UNSCOPED_INFO(error.text);
  CHECK(file.errors.empty());
  std::vector<std::string> documents;
  for (const auto& document : file.documents) documents.push_back(Show(*document));
  return documents;
}

std::vector<std::string> Errors(const std::string& content) {
  std::vector<std::string> errors;
  for (const YamlError& error : ReadYaml(content).errors) {
    errors.push_back(std::to_string(error.position.line) + ":" +
                     std::to_string(error.position.column) + ": " + error.text);
  }
  return errors;
}

using Strings = std::vector<std::string>;

TEST_CASE("quotes tell text from what only looks like something else") {
  CHECK(Documents("a: 1.10\nb: '1.10'\nc: \"yes\"\nd: yes\ne: |\n  x\nf: ~\ng:\nh: 'null'\n") ==
        Strings{"{a: 1.10, b: '1.10', c: 'yes', d: yes, e: 'x\n', f: null, g: null, h: 'null'}"});
  CHECK(Documents("a: !!str 5\nb: !!int \"5\"\nc: !!null x\nd: !!map {}\ne: !!seq []\n") ==
        Strings{"{a: '5', b: 5, c: null, d: {}, e: []}"});
}

TEST_CASE("a file holds any number of documents; empty ones are skipped") {
  CHECK(Documents("").empty());
  CHECK(Documents("\n# nothing\n\n").empty());
  CHECK(Documents("---\n---\n# x\n---\n~\n---\n").empty());
  CHECK(Documents("---\na: 1\n---\n---\nb: 2\n...\n---\nc: 3\n...\n# end\n") ==
        Strings{"{a: 1}", "{b: 2}", "{c: 3}"});
  CHECK(Documents("a: 1\n...\n# so\nb: 2\n") == Strings{"{a: 1}", "{b: 2}"});
  CHECK(Documents("%YAML 1.2\n---\na: 1\n") == Strings{"{a: 1}"});
  CHECK(Documents("--- {a: 1}\n--- {b: 2}\n") == Strings{"{a: 1}", "{b: 2}"});
}

TEST_CASE("JSON is read as it is") {
  CHECK(Documents(
            "{\"a\":\"b\",\"c\":[1,2,{\"d\":\"\\u00e9\\/\\n\"}],\n\t\"e\": null, \"f\": true}\n") ==
        Strings{"{a: 'b', c: [1, 2, {d: '\xc3\xa9/\n'}], e: null, f: true}"});
  CHECK(Documents("{\"a\": 1}\n{\"b\": 2}") == Strings{"{a: 1}", "{b: 2}"});
  CHECK(Documents(R"({"a": "\ud83d\ude00", "b": "\\ud83d\\ude00", "\ud83d\ude00": 1})") ==
        Strings{"{a: '\xf0\x9f\x98\x80', b: '\\ud83d\\ude00', \xf0\x9f\x98\x80: 1}"});
}

TEST_CASE("line ends and a byte order mark do not matter") {
  CHECK(Documents("\xef\xbb\xbf"
                  "a: 1\r\nb:\r\n  - c\r\n") == Strings{"{a: 1, b: [c]}"});
  CHECK(Documents("a: 1\rb: 2") == Strings{"{a: 1, b: 2}"});
}

TEST_CASE("everything knows its place") {
  const YamlFile file = ReadYaml("# c\na:\n  - b: 1\n    \"c\": [x,  y]\n");
  REQUIRE(file.documents.size() == 1);
  const YamlMember& a = file.documents[0]->members[0];
  CHECK(file.documents[0]->position == Position{2, 1});
  CHECK(a.position == Position{2, 1});
  const YamlNode& element = *a.value->elements[0];
  CHECK(element.position == Position{3, 5});
  CHECK(element.Find("b")->position == Position{3, 5});
  CHECK(element.Find("c")->position == Position{4, 5});
  CHECK(element.Find("c")->value->elements[1]->position == Position{4, 15});
  CHECK(element.Find("d") == nullptr);
}

TEST_CASE("aliases and merge keys stand for what they name") {
  CHECK(Documents("a: &x {b: 1}\nc: *x\nd: [*x, *x]\n") ==
        Strings{"{a: {b: 1}, c: {b: 1}, d: [{b: 1}, {b: 1}]}"});
  CHECK(Documents("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n") ==
        Strings{"{a: {b: 1, c: 2}, d: {c: 3, b: 1}}"});
  CHECK(Documents("a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne:\n  <<: [*x, *y]\n") ==
        Strings{"{a: {b: 1}, c: {b: 2, d: 3}, e: {b: 1, d: 3}}"});
  CHECK(Documents("{\"<<\": {\"b\": 1}}") == Strings{"{<<: {b: 1}}"});
  CHECK(Documents("&x a: 1\nb: *x\n") == Strings{"{a: 1, b: a}"});
}

TEST_CASE("what is wrong is named with its place") {
  const std::vector<std::pair<std::string, Strings>> table = {
      {"a: b: c\n",
       {"1:5: not YAML: illegal map value; check the indentation, and quote a text that holds \": "
        "\""}},
      {"a: 1\n\tb: 2\n",
       {"2:1: not YAML: illegal tab when looking for indentation; indent with spaces"}},
      {"a: [1\n", {"2:1: not YAML: end of sequence flow not found"}},
      {"{\"a\": 1\n", {"2:1: not YAML: end of map flow not found"}},
      {"a: {b: 1}}\n", {"1:10: not YAML: illegal flow end"}},
      {"a: \"x\nb: 1\n", {"3:1: not YAML: a quotation that is not closed"}},
      {"a: 'x", {"2:1: not YAML: a quotation that is not closed"}},
      {"a: @x\n", {"1:4: not YAML: unknown token"}},
      {"a: *x\n", {"1:4: not YAML: the referenced anchor is not defined"}},
      {"a: &x [*x]\n", {"1:8: not YAML: an alias within what it stands for"}},
      {"? [1, 2]\n: 3\n", {"1:3: a key must be plain text"}},
      {"{a: 1}: 3\n", {"1:1: a key must be plain text"}},
      {"~: 3\n", {"1:1: a key must be plain text"}},
      {"a: 1\nb: 2\n\"a\": 3\na: 4\n",
       {"3:1: \"a\" stands here twice; the first is in line 1",
        "4:1: \"a\" stands here twice; the first is in line 1"}},
      {"a: !foo 1\nb: !!binary aGk=\nc: !bar {}\n",
       {"1:4: the tag \"!foo\" has no meaning here; leave it out",
        "2:4: the tag \"tag:yaml.org,2002:binary\" has no meaning here; leave it out",
        "3:4: the tag \"!bar\" has no meaning here; leave it out"}},
      {"a: {<<: 5}\n", {"1:5: \"<<\" takes a mapping or a list of mappings"}},
      {"a: {<<: [{b: 1}, 5]}\n", {"1:5: \"<<\" takes a mapping or a list of mappings"}},
      {"  a: 1\n b: 2\n",
       {"2:2: not YAML: indentation ends the document here; indent as the lines above, or begin a "
        "new one with \"---\""}},
      {"- a\nb: c\n",
       {"2:1: not YAML: indentation ends the document here; indent as the lines above, or begin a "
        "new one with \"---\""}},
      {"a: \xff\n", {"1:4: not YAML: not text in UTF-8"}},
      {"a: 1\nb: \xed\xa0\x80\n", {"2:4: not YAML: not text in UTF-8"}},
      {std::string("a: 1\n\0", 6), {"2:1: not YAML: not text in UTF-8"}},
  };
  for (const auto& [content, errors] : table) {
    CAPTURE(content);
    CHECK(Errors(content) == errors);
  }
}

TEST_CASE("documents before a mistake are read") {
  const YamlFile file = ReadYaml("a: 1\n---\nb: [\n");
  CHECK(file.documents.size() == 1);
  CHECK(file.errors.size() == 1);
}

TEST_CASE("depth has an end") {
  CHECK(Errors(std::string(64, '[') + std::string(64, ']')).empty());
  CHECK(Errors(std::string(65, '[') + std::string(65, ']')) ==
        Strings{"1:65: not YAML: nested deeper than 64 levels"});
  CHECK(Errors(std::string(200000, '[')).size() == 1);
  std::string block;
  for (int i = 0; i < 100; ++i) block += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  CHECK(Errors(block) == Strings{"65:65: not YAML: nested deeper than 64 levels"});
}

TEST_CASE("merging has an end") {
  std::string text = "a: &a {";
  for (int i = 0; i < 2000; ++i) text += "k" + std::to_string(i) + ": 1, ";
  text += "}\n";
  for (int i = 0; i < 2000; ++i) text += "m" + std::to_string(i) + ": {<<: *a}\n";
  const Strings errors = Errors(text);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].find("not YAML: more than 2000000 values; use several files") !=
        std::string::npos);
}

}  // namespace
}  // namespace signalbox::cli
