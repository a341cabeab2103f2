#include "cli/plain_scalar.h"

#include <google/protobuf/util/json_util.h>

#include <catch2/catch.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "tests/server/descriptors/pool.h"

namespace signalbox::cli {
namespace {

std::string Show(const PlainValue& plain) {
  if (!plain.error.empty()) return "error: " + plain.error;
  std::string json;
  CHECK(google::protobuf::util::MessageToJsonString(plain.value, &json).ok());
  return json;
}

std::string AsField(const char* message, const char* field, const char* text) {
  const auto* type = testing::Pool().FindMessage(message);
  REQUIRE(type != nullptr);
  REQUIRE(type->FindFieldByName(field) != nullptr);
  return Show(PlainToField(*type->FindFieldByName(field), text));
}

using Rows = std::vector<std::pair<const char*, const char*>>;

TEST_CASE("in a string field everything is text") {
  for (const char* text :
       {"1.10", "yes", "true", "0x10", "010", "1e3", ".inf", "2001-01-01", "-", "8080"}) {
    CHECK(AsField("envoy.config.cluster.v3.Cluster", "name", text) ==
          "\"" + std::string(text) + "\"");
  }
}

TEST_CASE("in a whole-number field every way to write one is read") {
  const Rows rows = {
      {"0", "0"},
      {"8080", "8080"},
      {"-5", "-5"},
      {"+5", "5"},
      {"0x1F", "31"},
      {"0o17", "15"},
      {"1e3", "1000"},
      {"1.0", "1"},
      {"1.5", "1.5"},
      {"9007199254740992", "9007199254740992"},
      {"9007199254740993", "\"9007199254740993\""},
      {"-9007199254740993", "\"-9007199254740993\""},
      {"18446744073709551615", "\"18446744073709551615\""},
      {"0xFFFFFFFFFFFFFFFF", "\"18446744073709551615\""},
      {"99999999999999999999999", "\"99999999999999999999999\""},
      {"0xFFFFFFFFFFFFFFFFF", "\"0xFFFFFFFFFFFFFFFFF\""},
      {"010",
       "error: 010 is octal to some readers of YAML and decimal to others; write 0o10 or 10"},
      {"-007",
       "error: -007 is octal to some readers of YAML and decimal to others; write 0o07 or -7"},
      {"1_000", "\"1_000\""},
      {"1:30", "\"1:30\""},
      {"0x", "\"0x\""},
      {"0o8", "\"0o8\""},
      {"0xg", "\"0xg\""},
      {"yes", "\"yes\""},
      {".inf", "\".inf\""},
      {"-", "\"-\""},
      {"1e400", "\"1e400\""},
  };
  for (const auto& [text, json] : rows) {
    CAPTURE(text);
    CHECK(AsField("google.protobuf.UInt64Value", "value", text) == json);
    CHECK(AsField("google.protobuf.Int32Value", "value", text) == json);
  }
}

TEST_CASE("in a field of real numbers there are infinities") {
  const Rows rows = {
      {"1.50", "1.5"},
      {".5", "0.5"},
      {"5.", "5"},
      {"1e-3", "0.001"},
      {"+1.5", "1.5"},
      {".inf", "\"Infinity\""},
      {"-.Inf", "\"-Infinity\""},
      {".NAN", "\"NaN\""},
      {"0x10", "16"},
      {".", "\".\""},
      {"1.e", "\"1.e\""},
      {"e5", "\"e5\""},
      {"inf", "\"inf\""},
      {"nan", "\"nan\""},
      {"1.5.5", "\"1.5.5\""},
      {"010",
       "error: 010 is octal to some readers of YAML and decimal to others; write 0o10 or 10"}};
  for (const auto& [text, json] : rows) {
    CAPTURE(text);
    CHECK(AsField("envoy.type.v3.Percent", "value", text) == json);
  }
}

TEST_CASE("in a bool field the words of YAML 1.1 are read too") {
  const Rows rows = {{"true", "true"}, {"True", "true"},    {"TRUE", "true"},
                     {"yes", "true"},  {"On", "true"},      {"y", "true"},
                     {"Y", "true"},    {"no", "false"},     {"OFF", "false"},
                     {"n", "false"},   {"false", "false"},  {"tRuE", "\"tRuE\""},
                     {"1", "\"1\""},   {"yeah", "\"yeah\""}};
  for (const auto& [text, json] : rows) {
    CAPTURE(text);
    CHECK(AsField("google.protobuf.BoolValue", "value", text) == json);
  }
}

TEST_CASE("in a field of names a name stays a name and a number a number") {
  CHECK(AsField("envoy.config.cluster.v3.Cluster", "lb_policy", "ROUND_ROBIN") ==
        "\"ROUND_ROBIN\"");
  CHECK(AsField("envoy.config.cluster.v3.Cluster", "lb_policy", "NO") == "\"NO\"");
  CHECK(AsField("envoy.config.cluster.v3.Cluster", "lb_policy", "2") == "2");
}

TEST_CASE("where no field is known YAML 1.2's core schema holds") {
  const Rows rows = {
      {"true", "true"},
      {"FALSE", "false"},
      {"yes", "\"yes\""},
      {"on", "\"on\""},
      {"10", "10"},
      {"010", "10"},
      {"0o10", "8"},
      {"0x10", "16"},
      {"-3", "-3"},
      {"1.10", "1.1"},
      {"1e3", "1000"},
      {"1_000", "\"1_000\""},
      {"12:30", "\"12:30\""},
      {"2001-01-01", "\"2001-01-01\""},
      {"plain text", "\"plain text\""},
      {"9007199254740993",
       "error: 9007199254740993 has more digits than a JSON number holds exactly; write it in "
       "quotes"},
      {".inf", "error: JSON cannot write .inf; write it in quotes"},
      {"1e999", "error: 1e999 is larger than any JSON number; write it in quotes"},
  };
  for (const auto& [text, json] : rows) {
    CAPTURE(text);
    CHECK(Show(PlainToCore(text)) == json);
  }
}

}  // namespace
}  // namespace signalbox::cli
