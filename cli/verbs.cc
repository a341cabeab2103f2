#include "cli/verbs.h"

#include "cli/apply_verb.h"
#include "cli/bootstrap_verb.h"
#include "cli/config_verbs.h"
#include "cli/delete_verb.h"
#include "cli/demo.h"
#include "cli/get_verb.h"
#include "cli/history_verb.h"
#include "cli/nodes_verbs.h"
#include "cli/status_verb.h"
#include "cli/version_verb.h"

namespace signalbox::cli {

std::vector<Verb> Verbs() {
  return {
      GetVerb(),
      ApplyVerb(),
      DeleteVerb(),
      HistoryVerb(),
      StatusVerb(),
      NodesVerb(),
      NodesListVerb(),
      NodesGetVerb(),
      DemoVerb(&Verbs),
      BootstrapEnvoyVerb(),
      ConfigCheckVerb(),
      ConfigShowVerb(),
      ConfigReferenceVerb(),
      VersionVerb(),
  };
}

}  // namespace signalbox::cli
