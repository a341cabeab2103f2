#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"

namespace signalbox {
namespace {

using metrics::Definition;

// From what a small snapshot takes to what would alarm, in seconds.
const prometheus::Histogram::BucketBoundaries& SecondsBuckets() {
  static const auto* const kBuckets = new prometheus::Histogram::BucketBoundaries{
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
  return *kBuckets;
}

prometheus::Labels LabelsOf(const Definition& metric, absl::string_view value,
                            absl::string_view second_value) {
  prometheus::Labels labels;
  const auto add = [&](const char* label, absl::string_view text) {
    const bool labelled = label[0] != '\0';
    SB_CHECK(labelled || text.empty());
    if (labelled) labels.emplace(label, text);
  };
  add(metric.label, value);
  add(metric.second_label, second_value);
  return labels;
}

// Of an instrument, which has one label at most.
prometheus::Labels LabelsOf(const Definition& metric, absl::string_view value) {
  SB_CHECK(metric.second_label[0] == '\0');
  return LabelsOf(metric, value, "");
}

// Gathers what collectors say into families.
class CollectedSamples : public Samples {
 public:
  void Set(const Definition& metric, absl::string_view label_value,
           absl::string_view second_label_value, double value) override {
    prometheus::MetricFamily& family = families_[metric.name];
    family.name = metric.name;
    family.help = metric.help;
    prometheus::ClientMetric sample;
    for (const auto& [name, text] : LabelsOf(metric, label_value, second_label_value))
      sample.label.push_back({name, text});
    if (metric.kind == Definition::Kind::kCounter) {
      family.type = prometheus::MetricType::Counter;
      sample.counter.value = value;
    } else {
      SB_CHECK(metric.kind == Definition::Kind::kGauge);
      family.type = prometheus::MetricType::Gauge;
      sample.gauge.value = value;
    }
    family.metric.push_back(std::move(sample));
  }

  void AppendTo(std::vector<prometheus::MetricFamily>* families) && {
    for (auto& [name, family] : families_) families->push_back(std::move(family));
  }

 private:
  std::map<std::string, prometheus::MetricFamily> families_;
};

}  // namespace

struct MetricRegistry::Families {
  prometheus::Registry registry;

  Mutex mu;
  int next_id SB_GUARDED_BY(mu) = 0;
  std::map<int, Collector> collectors SB_GUARDED_BY(mu);
};

void Counter::Add(double by) { counter_->Increment(by); }
void Gauge::Set(double value) { gauge_->Set(value); }
void Gauge::Add(double by) { gauge_->Increment(by); }
void Histogram::Observe(double value) { histogram_->Observe(value); }

MetricRegistry::MetricRegistry() : families_(std::make_unique<Families>()) {}
MetricRegistry::~MetricRegistry() = default;

Counter MetricRegistry::CounterOf(const Definition& metric, absl::string_view label_value) {
  SB_CHECK(metric.kind == Definition::Kind::kCounter);
  auto& family =
      prometheus::BuildCounter().Name(metric.name).Help(metric.help).Register(families_->registry);
  return Counter(&family.Add(LabelsOf(metric, label_value)));
}

Gauge MetricRegistry::GaugeOf(const Definition& metric, absl::string_view label_value) {
  SB_CHECK(metric.kind == Definition::Kind::kGauge);
  auto& family =
      prometheus::BuildGauge().Name(metric.name).Help(metric.help).Register(families_->registry);
  return Gauge(&family.Add(LabelsOf(metric, label_value)));
}

Histogram MetricRegistry::HistogramOf(const Definition& metric, absl::string_view label_value) {
  SB_CHECK(metric.kind == Definition::Kind::kHistogram);
  auto& family = prometheus::BuildHistogram()
                     .Name(metric.name)
                     .Help(metric.help)
                     .Register(families_->registry);
  return Histogram(&family.Add(LabelsOf(metric, label_value), SecondsBuckets()));
}

std::unique_ptr<MetricRegistry::Registration> MetricRegistry::AddCollector(Collector collector) {
  MutexLock lock(&families_->mu);
  const int id = families_->next_id++;
  families_->collectors.emplace(id, std::move(collector));
  return std::unique_ptr<Registration>(new Registration(this, id));
}

MetricRegistry::Registration::~Registration() {
  MutexLock lock(&registry_->families_->mu);
  registry_->families_->collectors.erase(id_);
}

std::string MetricRegistry::Serialize() {
  std::vector<prometheus::MetricFamily> families = families_->registry.Collect();
  CollectedSamples samples;
  {
    MutexLock lock(&families_->mu);
    for (const auto& [id, collector] : families_->collectors) collector(&samples);
  }
  std::move(samples).AppendTo(&families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace signalbox
