#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "base/metric_definitions.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace signalbox {

// Handles of single instruments: cheap to copy, safe from any thread, valid as long as their
// registry. Get one at the start and keep it: getting takes a lock, using does not (but for a
// histogram's short one).
class Counter {
 public:
  void Add(double by = 1);

 private:
  friend class MetricRegistry;
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  void Set(double value);
  void Add(double by);

 private:
  friend class MetricRegistry;
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  // In the metric's unit, which its name says.
  void Observe(double value);

 private:
  friend class MetricRegistry;
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  prometheus::Histogram* histogram_;
};

// What a collector says at the moment of a scrape.
class Samples {
 public:
  virtual ~Samples() = default;
  // The value of a counter or gauge with these label values ("" for a label that the metric has
  // not), once each.
  virtual void Set(const metrics::Definition& metric, absl::string_view label_value,
                   absl::string_view second_label_value, double value) = 0;
  void Set(const metrics::Definition& metric, absl::string_view label_value, double value) {
    Set(metric, label_value, "", value);
  }
  void Set(const metrics::Definition& metric, double value) { Set(metric, "", value); }
};

// All metrics of a daemon; passed to whoever counts something. Safe from any thread.
class MetricRegistry {
 public:
  using Collector = std::function<void(Samples* samples)>;

  // Keeps a collector in use; without it the collector is not called any more. Must not outlive the
  // registry.
  class Registration {
   public:
    // Waits for a scrape that is calling the collector.
    ~Registration();
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

   private:
    friend class MetricRegistry;
    Registration(MetricRegistry* registry, int id) : registry_(registry), id_(id) {}
    MetricRegistry* const registry_;
    const int id_;
  };

  MetricRegistry();
  ~MetricRegistry();
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;

  // The instrument of this metric with this label value ("" when the metric has no label): the same
  // one each time. Shown from now on. The definition must be of that kind, and its metric not one
  // that a collector sets.
  Counter CounterOf(const metrics::Definition& metric, absl::string_view label_value = "");
  Gauge GaugeOf(const metrics::Definition& metric, absl::string_view label_value = "");
  Histogram HistogramOf(const metrics::Definition& metric, absl::string_view label_value = "");

  // Calls `collector` at every scrape, on the scrape's thread and under a lock of this registry: it
  // must be quick, and neither scrape nor register.
  [[nodiscard]] std::unique_ptr<Registration> AddCollector(Collector collector);

  // Everything in Prometheus' text format (version 0.0.4).
  std::string Serialize();

 private:
  struct Families;

  const std::unique_ptr<Families> families_;
};

}  // namespace signalbox
