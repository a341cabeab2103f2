#include "storage/slow_queries.h"

#include "base/log.h"

namespace signalbox {

void SlowQueries::OnRan(absl::string_view statement, absl::Duration took) const {
  if (took <= threshold()) return;
  log::Warning("slow query",
               {{"statement", statement}, {"took", took}, {"threshold", threshold()}});
}

}  // namespace signalbox
