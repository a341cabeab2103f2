#include "base/metrics.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/metric_definitions.h"
#include "base/process_metrics.h"

namespace signalbox {
namespace {

bool Has(const std::string& text, const std::string& line) {
  return text.find(line + "\n") != std::string::npos;
}

double ValueOf(const std::string& text, const std::string& name) {
  const size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

TEST_CASE("instruments are shown in Prometheus' text format") {
  MetricRegistry registry;
  registry.CounterOf(metrics::kAcks, "listener").Add();
  registry.CounterOf(metrics::kAcks, "listener").Add(2);
  registry.CounterOf(metrics::kAcks, "cluster");
  registry.GaugeOf(metrics::kRevision).Set(412);
  registry.GaugeOf(metrics::kRevision).Add(1);
  registry.HistogramOf(metrics::kBuildSeconds).Observe(0.003);
  const std::string text = registry.Serialize();
  CHECK(Has(text, "# HELP signalbox_acks_total Responses that a proxy accepted, by resource type"));
  CHECK(Has(text, "# TYPE signalbox_acks_total counter"));
  CHECK(Has(text, "signalbox_acks_total{type=\"listener\"} 3"));
  CHECK(Has(text, "signalbox_acks_total{type=\"cluster\"} 0"));
  CHECK(Has(text, "# TYPE signalbox_revision gauge"));
  CHECK(Has(text, "signalbox_revision 413"));
  CHECK(Has(text, "signalbox_build_seconds_bucket{le=\"0.0025\"} 0"));
  CHECK(Has(text, "signalbox_build_seconds_bucket{le=\"0.005\"} 1"));
  CHECK(Has(text, "signalbox_build_seconds_count 1"));
}

TEST_CASE("a collector speaks at every scrape until it is given up") {
  MetricRegistry registry;
  int calls = 0;
  auto registration = registry.AddCollector([&](Samples* samples) {
    ++calls;
    samples->Set(metrics::kNodes, "SYNCED", 213);
    samples->Set(metrics::kNodes, "a \"quoted\" \\ one\n", calls);
  });
  CHECK(Has(registry.Serialize(), "signalbox_nodes{state=\"SYNCED\"} 213"));
  const std::string second = registry.Serialize();
  CHECK(Has(second, "signalbox_nodes{state=\"a \\\"quoted\\\" \\\\ one\\n\"} 2"));
  CHECK(second.find("# TYPE signalbox_nodes gauge\n") ==
        second.rfind("# TYPE signalbox_nodes gauge\n"));
  registration.reset();
  CHECK(registry.Serialize() == "");
  CHECK(calls == 2);
}

TEST_CASE("counting from many threads loses nothing while it is scraped") {
  MetricRegistry registry;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&registry] {
      Counter counter = registry.CounterOf(metrics::kResponses, "route");
      Histogram histogram = registry.HistogramOf(metrics::kBuildSeconds);
      for (int i = 0; i < 1000; ++i) {
        counter.Add();
        histogram.Observe(1);
      }
    });
  }
  for (int i = 0; i < 5; ++i) registry.Serialize();
  for (std::thread& thread : threads) thread.join();
  CHECK(Has(registry.Serialize(), "signalbox_responses_total{type=\"route\"} 4000"));
  CHECK(Has(registry.Serialize(), "signalbox_build_seconds_count 4000"));
}

TEST_CASE("the process is described by what /proc says") {
  MetricRegistry registry;
  const auto registration = registry.AddCollector(CollectProcessMetrics);
  const std::string text = registry.Serialize();
  CHECK(Has(text, "# TYPE process_cpu_seconds_total counter"));
  CHECK(ValueOf(text, "process_cpu_seconds_total") >= 0);
  CHECK(ValueOf(text, "process_resident_memory_bytes") > 1 << 20);
  CHECK(ValueOf(text, "process_start_time_seconds") > 1.5e9);
  const double open = ValueOf(text, "process_open_fds");
  CHECK(open >= 3);
  CHECK(ValueOf(text, "process_max_fds") > open);
  const int another = ::dup(1);
  CHECK(ValueOf(registry.Serialize(), "process_open_fds") == open + 1);
  ::close(another);
}

}  // namespace
}  // namespace signalbox
