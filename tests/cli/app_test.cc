#include "cli/app.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "cli/exit_code.h"
#include "cli/verb.h"

namespace signalbox::cli {
namespace {

// Verbs that print what they were given.
Verb Echo(const std::string& name, std::vector<Flag> flags = {}, Positionals positionals = {}) {
  Verb verb = {.name = name,
               .group = Verb::Group::kConfig,
               .help = "Echo " + name,
               .example = "signalbox " + name};
  verb.flags = std::move(flags);
  verb.positionals = positionals;
  verb.run = [name, declared = verb.flags](Context& context, const Arguments& arguments) {
    std::string text = name;
    for (const Flag& flag : declared) {
      if (arguments.Has(flag.name))
        text += " " + flag.name + "=" + absl::StrJoin(arguments.Values(flag.name), ",");
    }
    for (const std::string& positional : arguments.positionals()) text += " [" + positional + "]";
    if (context.namespace_name != "default") text += " namespace=" + context.namespace_name;
    if (!context.server.empty()) text += " server=" + context.server;
    if (context.timeout != absl::Seconds(10))
      text += " timeout=" + absl::FormatDuration(context.timeout);
    if (context.quiet) text += " quiet";
    if (context.yes) text += " yes";
    context.out->Print({.kind = "Echo", .data = text, .text = text});
    return ExitCode::kDone;
  };
  return verb;
}

std::vector<Verb> SomeVerbs() {
  return {
      Echo("nodes list"),
      Echo("apply", {{.name = "filename",
                      .value = "FILE",
                      .help = "what to apply",
                      .letter = 'f',
                      .takes = Flag::Takes::kValues},
                     {.name = "message", .value = "TEXT", .help = "why", .letter = 'm'},
                     {.name = "dry-run", .help = "change nothing"},
                     {.name = "xds.hold-max", .value = "DURATION", .help = "a dotted one"},
                     {.name = "xds.insecure", .help = "a truth value", .takes = Flag::Takes::kBool},
                     {.name = "variant",
                      .value = "NAME",
                      .help = "one of two",
                      .choices = {"delta", "sotw"}}}),
      Echo("get", {}, {.name = "KIND[/NAME]", .help = "what", .at_least = 1, .at_most = 2}),
      Echo("nodes"),
      Echo("config check"),
      Echo(
          "bootstrap",
          {{.name = "node-id", .value = "ID", .help = "its id", .required = Flag::Required::kYes}}),
  };
}

struct Result {
  ExitCode code;
  std::string out;
  std::string err;
};

Result Run(const std::vector<std::string>& args, bool terminal = false,
           const std::map<std::string, std::string>& environment = {}) {
  std::istringstream in;
  std::ostringstream out, err;
  const ExitCode code = RunApp(args, SomeVerbs(),
                               {.in = &in,
                                .out = &out,
                                .err = &err,
                                .out_is_terminal = terminal,
                                .err_is_terminal = terminal,
                                .environment = environment});
  return {code, out.str(), err.str()};
}

Result RunLine(const std::string& line) {
  return Run(line.empty() ? std::vector<std::string>() : absl::StrSplit(line, ' '));
}

TEST_CASE("a command line reaches its verb") {
  const std::pair<const char*, const char*> cases[] = {
      {"apply", "apply\n"},
      {"apply -f a -f b", "apply filename=a,b\n"},
      {"apply -f - -m why", "apply filename=- message=why\n"},
      {"apply --message=why", "apply message=why\n"},
      {"apply --dry_run", "apply dry-run=true\n"},
      {"apply --xds.hold_max 5m", "apply xds.hold-max=5m\n"},
      {"apply --xds.hold-max=5m", "apply xds.hold-max=5m\n"},
      {"apply --xds.insecure", "apply xds.insecure=true\n"},
      {"apply --xds.insecure=false", "apply xds.insecure=false\n"},
      {"apply --variant delta", "apply variant=delta\n"},
      {"apply -m [a,b]", "apply message=[a,b]\n"},
      {"get cluster/a", "get [cluster/a]\n"},
      {"get cluster nodes", "get [cluster] [nodes]\n"},
      {"get -- --odd -n", "get [--odd] [-n]\n"},
      {"nodes", "nodes\n"},
      {"nodes list", "nodes list\n"},
      {"config check", "config check\n"},
      {"bootstrap --node-id get", "bootstrap node-id=get\n"},
      {"-n shop get cluster", "get [cluster] namespace=shop\n"},
      {"get cluster -n shop", "get [cluster] namespace=shop\n"},
      {"nodes list --server unix:/x -q -y", "nodes list server=unix:/x quiet yes\n"},
      {"--timeout 1m30s nodes", "nodes timeout=1m30s\n"},
      {"get cluster -o yaml", "schemaVersion: 1\nkind: Echo\ndata: get [cluster]\n"},
  };
  for (const auto& [line, want] : cases) {
    const Result result = RunLine(line);
    INFO(line);
    CHECK(result.out == want);
    CHECK(result.err == "");
    CHECK(result.code == ExitCode::kDone);
  }
}

TEST_CASE("a wrong command line is named, with a suggestion") {
  const std::pair<const char*, const char*> cases[] = {
      {"", "error: no verb is given\nhint: `signalbox --help` lists what there is\n"},
      {"aply -f x",
       "error: unknown verb \"aply\"; did you mean \"apply\"?\nhint: `signalbox --help` lists what "
       "there is\n"},
      {"config chek",
       "error: unknown verb \"config chek\"; did you mean \"config check\"?\nhint: `signalbox "
       "config --help` lists what there "
       "is\n"},
      {"config",
       "error: \"config\" needs a verb: check\nhint: `signalbox config --help` lists what there "
       "is\n"},
      {"nodes lst",
       "error: unknown verb \"nodes lst\"; did you mean \"nodes list\"?\nhint: `signalbox nodes "
       "--help` lists what there is\n"},
      {"apply --mesage x",
       "error: unknown flag --mesage; did you mean \"--message\"?\nhint: `signalbox apply --help` "
       "lists what there is\n"},
      {"apply --config.x=1",
       "error: unknown flag --config.x\nhint: `signalbox apply --help` lists what there is\n"},
      {"--serverr x nodes",
       "error: unknown flag --serverr; did you mean \"--server\"?\nhint: `signalbox nodes --help` "
       "lists what there is\n"},
      {"apply -Z", "error: unknown flag -Z\nhint: `signalbox apply --help` lists what there is\n"},
      {"get", "error: KIND[/NAME] is missing\nhint: `signalbox get --help` lists what there is\n"},
      {"get a b c",
       "error: unexpected argument \"c\"\nhint: `signalbox get --help` lists what there is\n"},
      {"apply extra",
       "error: unexpected argument \"extra\"\nhint: `signalbox apply --help` lists what there "
       "is\n"},
      {"apply -m a -m b",
       "error: --message is given twice\nhint: `signalbox apply --help` lists what there is\n"},
      {"apply --dry-run=maybe",
       "error: --dry-run takes no value\nhint: `signalbox apply --help` lists what there is\n"},
      {"apply -m",
       "error: --message needs a value\nhint: `signalbox apply --help` lists what there is\n"},
      {"nodes -o",
       "error: --output needs a value\nhint: `signalbox nodes --help` lists what there is\n"},
      {"apply --variant delt",
       "error: --variant cannot be \"delt\"; did you mean \"delta\"?\nhint: it is one of delta, "
       "sotw\n"},
      {"nodes -o jsn",
       "error: --output cannot be \"jsn\"; did you mean \"json\"?\nhint: it is one of table, wide, "
       "json, yaml, name, "
       "jsonl\n"},
      {"nodes --timeout 10",
       "error: --timeout cannot be \"10\"\nhint: a duration is 500ms, 10s, 5m\n"},
      {"bootstrap",
       "error: --node-id ID is missing\nhint: `signalbox bootstrap --help` lists what there is\n"},
  };
  for (const auto& [line, want] : cases) {
    const Result result = RunLine(line);
    INFO(line);
    CHECK(result.err == want);
    CHECK(result.out == "");
    CHECK(result.code == ExitCode::kUsage);
  }
}

TEST_CASE("a usage error is an envelope with -o json, wherever the flag stands") {
  for (const char* line : {"-o jsonl aply", "aply -o jsonl"}) {
    const Result result = RunLine(line);
    CHECK(result.code == ExitCode::kUsage);
    CHECK(result.err ==
          "{\"code\":\"INVALID_ARGUMENT\",\"message\":\"unknown verb \\\"aply\\\"; did you mean "
          "\\\"apply\\\"?\","
          "\"field\":\"\",\"retryable\":false,\"hint\":\"`signalbox --help` lists what there "
          "is\",\"request_id\":\"\"}\n");
  }
}

TEST_CASE("help says what a verb takes, with an example") {
  for (const char* line : {"bootstrap --help", "bootstrap -h", "--help bootstrap"}) {
    const Result result = RunLine(line);
    CHECK(result.code == ExitCode::kDone);
    CHECK(result.err == "");
    CHECK(result.out.find("Usage: signalbox bootstrap [flags]\n") != std::string::npos);
    CHECK(result.out.find("Example:\n  signalbox bootstrap\n") != std::string::npos);
    CHECK(result.out.find("--node-id ID") != std::string::npos);
    CHECK(result.out.find("-o, --output FORMAT") != std::string::npos);
  }
  const Result root = RunLine("--help");
  CHECK(root.out.find("Configuration:\n") != std::string::npos);
  CHECK(root.out.find("  apply         Echo apply\n") != std::string::npos);
  CHECK(RunLine("config --help").out ==
        "Usage: signalbox config VERB [flags]\n\n  config check  Echo config check\n");
  CHECK(RunLine("get -h").out.find("Usage: signalbox get KIND[/NAME]... [flags]\n") !=
        std::string::npos);
}

TEST_CASE("colour is left out off a terminal, with --no-color and with NO_COLOR") {
  const std::string red = "\x1b[31merror:\x1b[0m no verb is given";
  CHECK(Run({}, true).err.find(red) == 0);
  CHECK(Run({}, true, {{"NO_COLOR", ""}}).err.find(red) == 0);
  CHECK(Run({}, false).err.find("error:") == 0);
  CHECK(Run({"--no-color"}, true).err.find("error:") == 0);
  CHECK(Run({}, true, {{"NO_COLOR", "1"}}).err.find("error:") == 0);
}

TEST_CASE("output that cannot be written is an error") {
  std::istringstream in;
  std::ostringstream err;
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  CHECK(RunApp({"nodes"}, SomeVerbs(), {.in = &in, .out = &out, .err = &err}) ==
        ExitCode::kUnavailable);
  CHECK(err.str() == "error: the output cannot be written\n");
}

}  // namespace
}  // namespace signalbox::cli
