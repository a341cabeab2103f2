// The main function of every unit test, compiled once. Where the build tool wants a report
// ($XML_OUTPUT_FILE) it gets one element per test case, so that tools/test can count them.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace {

std::vector<std::pair<std::string, bool>>& Results() {
  static auto* const results = new std::vector<std::pair<std::string, bool>>();
  return *results;
}

struct ResultListener : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    Results().emplace_back(stats.testInfo.name, stats.totals.assertions.allOk());
  }
};

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

CATCH_REGISTER_LISTENER(ResultListener)

int main(int argc, char** argv) {
  const int failed = Catch::Session().run(argc, argv);
  if (const char* path = std::getenv("XML_OUTPUT_FILE")) {
    std::ofstream out(path);
    out << "<testsuites><testsuite name=\"catch2\">\n";
    for (const auto& [name, ok] : Results()) {
      out << "<testcase name=\"" << Escaped(name) << "\">" << (ok ? "" : "<failure/>")
          << "</testcase>\n";
    }
    out << "</testsuite></testsuites>\n";
  }
  if (failed == 0 && Results().empty()) return 4;  // a test that runs nothing proves nothing
  return failed == 0 ? 0 : 1;
}
