#include "cli/version_verb.h"

#include "absl/strings/str_cat.h"
#include "base/version.h"

namespace signalbox::cli {

Verb VersionVerb() {
  return {.name = "version",
          .group = Verb::Group::kServer,
          .help = "Show this program's version",
          .example = "signalbox version -o json",
          .run = [](Context& context, const Arguments&) {
            context.out->Print({.kind = "Version",
                                .data = Json::Object({{"version", kVersion}}),
                                .text = absl::StrCat("signalbox ", kVersion)});
            return ExitCode::kDone;
          }};
}

}  // namespace signalbox::cli
