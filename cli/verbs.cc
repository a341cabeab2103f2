#include "cli/verbs.h"

#include "cli/config_verbs.h"
#include "cli/version_verb.h"

namespace signalbox::cli {

std::vector<Verb> Verbs() {
  return {
      ConfigCheckVerb(),
      ConfigShowVerb(),
      VersionVerb(),
  };
}

}  // namespace signalbox::cli
