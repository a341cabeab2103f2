#include "base/json.h"

#include <catch2/catch.hpp>
#include <limits>

#include "absl/strings/str_cat.h"

namespace signalbox {
namespace {

TEST_CASE("what is read is written the same") {
  for (const char* text :
       {"null", "true", "false", "0", "-1.10", "1e+30", "\"\"", "[]", "{}", "[1,[2,{}],\"x\"]",
        "{\"b\":1,\"a\":{\"c\":null}}", "\"\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x98\x80\""}) {
    const absl::StatusOr<Json> value = Json::Parse(text);
    INFO(text);
    REQUIRE(value.ok());
    CHECK(value->Dump() == text);
  }
  CHECK(Json::Parse(" { \"a\" : [ 1 , 2 ] }\r\n\t")->Dump() == "{\"a\":[1,2]}");
}

TEST_CASE("escapes are read, and written only where they must be") {
  CHECK(Json::Parse(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00")")->text() ==
        "\"\\/\b\f\n\r\tA\xc3\xa9\xf0\x9f\x98\x80");
  CHECK(Json("a\"b\\c\n\r\t\x01\x7f/").Dump() == R"("a\"b\\c\n\r\t\u0001\u007f/")");
  CHECK(Json(absl::string_view("\xff\xc3(\xed\xa0\x80", 6)).Dump() ==
        "\"\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST_CASE("what is not JSON is refused with its place") {
  const std::pair<const char*, const char*> cases[] = {
      {"", "line 1, column 1: the document ends where a value is expected"},
      {"{\n \"a\": ,}", "line 2, column 7: expected a value"},
      {"{\"a\":1,\n\"a\":2}", "line 2, column 1: the key \"a\" stands twice"},
      {"{a:1}", "line 1, column 2: expected a key in double quotes"},
      {"{\"a\" 1}", "line 1, column 6: expected ':' after the key"},
      {"[1 2]", "line 1, column 4: expected ',' or ']'"},
      {"{\"a\":1]", "line 1, column 7: expected ',' or '}'"},
      {"[1,]", "line 1, column 4: expected a value"},
      {"1 2", "line 1, column 3: there is more after the end of the document"},
      {"01", "line 1, column 2: there is more after the end of the document"},
      {"1.", "line 1, column 3: expected a digit"},
      {"1e", "line 1, column 3: expected a digit"},
      {"+1", "line 1, column 1: expected a value"},
      {"NaN", "line 1, column 1: expected a value"},
      {"\"a", "line 1, column 3: the document ends within a string"},
      {"\"a\nb\"", "line 1, column 3: a control character in a string must be escaped"},
      {"\"\\x\"", "line 1, column 3: not a valid escape"},
      {"\"\\ud800\"", "line 1, column 8: not a valid \\u escape"},
      {"\"\\u12g4\"", "line 1, column 4: not a valid \\u escape"},
      {"\"\xff\"", "line 1, column 2: a string that is not UTF-8"},
  };
  for (const auto& [text, want] : cases) {
    const absl::StatusOr<Json> value = Json::Parse(text);
    INFO(text);
    REQUIRE_FALSE(value.ok());
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(value.status().message() == want);
  }
}

TEST_CASE("a document may be nested as deep as the limit, not deeper") {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(Json::Parse(nested(Json::kMaxDepth)).ok());
  CHECK_FALSE(Json::Parse(nested(Json::kMaxDepth + 1)).ok());
  CHECK_FALSE(Json::Parse(std::string(100000, '[')).ok());
}

TEST_CASE("an object keeps its order and replaces in place") {
  Json object;
  object.Set("b", 1).Set("a", 2).Set("b", "new");
  CHECK(object.Dump() == "{\"b\":\"new\",\"a\":2}");
  REQUIRE(object.Find("a") != nullptr);
  CHECK(object.Find("a")->text() == "2");
  CHECK(object.Find("c") == nullptr);
}

TEST_CASE("numbers are written as they are meant") {
  CHECK(Json(0.1).Dump() == "0.1");
  CHECK(Json(int64_t{1} << 62).Dump() == "4611686018427387904");
  CHECK(Json(std::numeric_limits<double>::infinity()).Dump() == "\"Infinity\"");
  CHECK(Json::Array({1.5, true, "x", Json()}).Pretty() ==
        "[\n  1.5,\n  true,\n  \"x\",\n  null\n]");
}

}  // namespace
}  // namespace signalbox
