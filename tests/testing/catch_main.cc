// The main function of every unit test, compiled once. Where the build tool wants a report
// ($XML_OUTPUT_FILE) it gets one element per test case with the seconds that it took, so that
// tools/test can count them. A test case that cannot apply says so with WARN("n/a: why"): it is
// reported as skipped.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

struct Result {
  std::string name;
  bool ok = false;
  std::string not_applicable;  // why; "" where it applies
  double seconds = 0;
};

std::vector<Result>& Results() {
  static auto* const results = new std::vector<Result>();
  return *results;
}

class ResultListener : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    TestEventListenerBase::testCaseStarting(info);
    began_ = std::chrono::steady_clock::now();
    not_applicable_.clear();
  }

  bool assertionEnded(const Catch::AssertionStats& stats) override {
    const std::string message = stats.assertionResult.getMessage();
    if (stats.assertionResult.getResultType() == Catch::ResultWas::Warning &&
        message.compare(0, 4, "n/a:") == 0) {
      not_applicable_ = message;
    }
    return TestEventListenerBase::assertionEnded(stats);
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
    Results().push_back({.name = stats.testInfo.name,
                         .ok = stats.totals.assertions.allOk(),
                         .not_applicable = not_applicable_,
                         .seconds = took.count()});
    TestEventListenerBase::testCaseEnded(stats);
  }

 private:
  std::chrono::steady_clock::time_point began_;
  std::string not_applicable_;
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
    for (const Result& result : Results()) {
      out << "<testcase name=\"" << Escaped(result.name) << "\" time=\"" << result.seconds << "\">";
      if (!result.ok) {
        out << "<failure/>";
      } else if (!result.not_applicable.empty()) {
        out << "<skipped message=\"" << Escaped(result.not_applicable) << "\"/>";
      }
      out << "</testcase>\n";
    }
    out << "</testsuite></testsuites>\n";
  }
  if (failed == 0 && Results().empty()) return 4;  // a test that runs nothing proves nothing
  return failed == 0 ? 0 : 1;
}
