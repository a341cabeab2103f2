// The one binary: the daemon and the command line.
#include <utility>
#include <vector>

#include "cli/app.h"
#include "cli/verb.h"
#include "cli/verbs.h"
#include "server/daemon/db_verbs.h"
#include "server/daemon/serve_verb.h"

int main(int argc, char** argv) {
  std::vector<signalbox::cli::Verb> verbs = signalbox::cli::Verbs();
  verbs.push_back(signalbox::ServeVerb());
  for (signalbox::cli::Verb& verb : signalbox::DbVerbs()) verbs.push_back(std::move(verb));
  return signalbox::cli::RunApp(argc, argv, verbs);
}
