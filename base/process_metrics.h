#pragma once

#include "base/metrics.h"

namespace signalbox {

// Says what /proc knows of this process: processor time, memory, file descriptors, start. What
// cannot be read is left out. A collector for MetricRegistry::AddCollector; safe from any thread.
void CollectProcessMetrics(Samples* samples);

}  // namespace signalbox
