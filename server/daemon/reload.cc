#include "server/daemon/reload.h"

#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/log.h"
#include "options/reload.h"
#include "options/table.h"

namespace signalbox {
namespace {

void Tell(const std::vector<options::Change>& changes) {
  int live = 0, waiting = 0;
  for (const options::Change& change : changes) {
    if (change.option->reload == options::Reload::kLive) {
      ++live;
      log::Info("option changed", {{"key", change.option->key},
                                   {"from", change.from},
                                   {"to", change.to},
                                   {"origin", change.origin.ToString()}});
    } else {
      ++waiting;
      log::Warning("option needs a restart", {{"key", change.option->key},
                                              {"running", change.from},
                                              {"configured", change.to},
                                              {"origin", change.origin.ToString()}});
    }
  }
  log::Info("configuration reloaded", {{"changed", live}, {"need_restart", waiting}});
}

}  // namespace

void Reload(const absl::StatusOr<cli::LoadedOptions>& fresh, options::Options* running,
            const std::function<void(const options::Settings&)>& apply) {
  if (!fresh.ok()) {
    for (const absl::string_view line : absl::StrSplit(fresh.status().message(), '\n'))
      log::Error("configuration not reloaded: nothing changed", {{"error", line}});
    return;
  }
  const std::vector<options::Change> changes = options::Changes(*running, fresh->options);
  // Before a level that would hide it, and after one that shows it.
  const bool told_before = log::IsOn(log::Level::kInfo);
  if (told_before) Tell(changes);
  apply(fresh->settings);
  *running = running->WithLive(fresh->options);
  if (!told_before) Tell(changes);
}

}  // namespace signalbox
