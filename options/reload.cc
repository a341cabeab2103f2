#include "options/reload.h"

#include "options/redact.h"

namespace signalbox::options {

std::vector<Change> Changes(const Options& before, const Options& now) {
  std::vector<Change> changes;
  for (const Option& option : Table()) {
    const Value& from = before.Get(option.key);
    const Value& to = now.Get(option.key);
    if (from.text == to.text) continue;
    changes.push_back({&option, Redacted(option, from.text), Redacted(option, to.text), to.origin});
  }
  return changes;
}

}  // namespace signalbox::options
