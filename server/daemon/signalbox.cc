// The one binary: the daemon and the command line.
#include <vector>

#include "cli/app.h"
#include "cli/verbs.h"
#include "server/daemon/serve_verb.h"

int main(int argc, char** argv) {
  std::vector<signalbox::cli::Verb> verbs = signalbox::cli::Verbs();
  verbs.push_back(signalbox::ServeVerb());
  return signalbox::cli::RunApp(argc, argv, verbs);
}
