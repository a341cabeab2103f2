#include "cli/config_verbs.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/str_replace.h"
#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/server_target.h"
#include "cli/version_verb.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::cli {
namespace {

struct Result {
  ExitCode code;
  std::string out;
  std::string err;
};

// `dir` is the user's home; its name is "DIR" in what comes back.
Result Run(const std::vector<std::string>& args, const testing::TempDir& dir,
           std::map<std::string, std::string> environment = {}) {
  std::istringstream in;
  std::ostringstream out, err;
  environment.insert(
      {{"HOME", dir.path()}, {"XDG_CONFIG_HOME", dir.path()}, {"XDG_RUNTIME_DIR", "/run/u"}});
  const ExitCode code =
      RunApp(args, {ConfigCheckVerb(), ConfigShowVerb(), ConfigReferenceVerb(), VersionVerb()},
             {.in = &in, .out = &out, .err = &err, .environment = std::move(environment)});
  return {code, absl::StrReplaceAll(out.str(), {{dir.path(), "DIR"}}),
          absl::StrReplaceAll(err.str(), {{dir.path(), "DIR"}})};
}

TEST_CASE("the version is printed in every format") {
  const testing::TempDir dir;
  CHECK(Run({"version"}, dir).out == "signalbox 0.1.0\n");
  CHECK(Run({"version", "-o", "json"}, dir).out ==
        "{\n  \"schemaVersion\": 1,\n  \"kind\": \"Version\",\n  \"data\": {\n    \"version\": "
        "\"0.1.0\"\n  }\n}\n");
  CHECK(Run({"version", "-o", "yaml"}, dir).out ==
        "schemaVersion: 1\nkind: Version\ndata:\n  version: \"0.1.0\"\n");
}

TEST_CASE("a configuration is checked without starting anything") {
  const testing::TempDir dir;
  const Result none = Run({"config", "check"}, dir);
  CHECK(none.code == ExitCode::kDone);
  CHECK(none.out == "the configuration is valid; there is no file\n");

  std::ofstream(dir.Join("good.toml")) << "[xds]\nlisten = \"127.0.0.1:0\"\n";
  const Result good = Run({"config", "check", "--config", dir.Join("good.toml")}, dir);
  CHECK(good.code == ExitCode::kDone);
  CHECK(good.out == "the configuration is valid: DIR/good.toml\n");

  std::ofstream(dir.Join("bad.toml")) << "[xds]\nlistne = \"127.0.0.1:0\"\nack_deadline = 5\n";
  const Result bad = Run({"config", "check", "--config", dir.Join("bad.toml")}, dir);
  CHECK(bad.code == ExitCode::kInvalid);
  CHECK(bad.out == "");
  CHECK(bad.err ==
        "error: DIR/bad.toml:2:1: unknown key \"xds.listne\"; did you mean \"xds.listen\"?\n"
        "error: DIR/bad.toml:3:16: xds.ack_deadline must be a string, not a number\n"
        "hint: `signalbox config reference` lists the options\n");

  const Result crossed =
      Run({"config", "check", "--xds.listen", "0.0.0.0:1", "--config", dir.Join("good.toml")}, dir);
  CHECK(crossed.code == ExitCode::kInvalid);
  CHECK(Run({"config", "check", "--xds.listen", "0.0.0.0:1", "--xds.insecure"}, dir).code ==
        ExitCode::kDone);
}

TEST_CASE("options are flags, in which underscores and dashes are the same") {
  const testing::TempDir dir;
  for (const char* flag : {"--xds.ordering.hold_max", "--xds.ordering.hold-max"}) {
    const Result result = Run({"config", "show", "--origin", flag, "5m"}, dir);
    CHECK(result.err == "");
    CHECK(result.out.find("5m") != std::string::npos);
    CHECK(result.out.find("--xds.ordering.hold-max") != std::string::npos);
  }
  CHECK(Run({"config", "show", "--xds.ordering.hold_mx", "5m"}, dir).err ==
        "error: unknown flag --xds.ordering.hold-mx; did you mean \"--xds.ordering.hold-max\"?\n"
        "hint: `signalbox config show --help` lists what there is\n");
}

TEST_CASE("the configuration is shown, with origins when asked") {
  const testing::TempDir dir;
  std::ofstream(dir.Join("a.toml")) << "\nlog.level = \"debug\"\n";
  const Result plain = Run({"config", "show", "--config", dir.Join("a.toml")}, dir);
  CHECK(plain.code == ExitCode::kDone);
  CHECK(plain.out.find("ORIGIN") == std::string::npos);
  CHECK_THAT(plain.out, Catch::Contains("\nstore.url ") &&
                            Catch::Contains(" sqlite:///DIR/.local/state/signalbox/data\n"));
  const Result origins = Run({"config", "show", "--origin", "--config", dir.Join("a.toml")}, dir);
  CHECK(origins.out.find("DIR/a.toml:2:13\n") != std::string::npos);
  const Result lines = Run({"config", "show", "-o", "jsonl", "--config", dir.Join("a.toml")}, dir);
  CHECK(lines.out.find("{\"key\":\"log.level\",\"value\":\"debug\",\"source\":\"file\","
                       "\"origin\":\"DIR/a.toml:2:13\"}\n") != std::string::npos);
}

TEST_CASE("every way to say a value is an origin, and no password is shown") {
  const testing::TempDir dir;
  ::mkdir(dir.Join("signalbox").c_str(), 0700);
  ::mkdir(dir.Join("signalbox/conf.d").c_str(), 0700);
  std::ofstream(dir.Join("signalbox/signalbox.toml")) << "log = { level = \"debug\" }\n";
  std::ofstream(dir.Join("signalbox/conf.d/1.toml")) << "[xds]\nack_deadline = \"9s\"\n";
  std::ofstream(dir.Join("url")) << "postgres://u:secret@h/d\n";
  const Result result =
      Run({"config", "show", "--origin", "-o", "jsonl", "--instances", "2"}, dir,
          {{"SIGNALBOX_STORE_URL_FILE", dir.Join("url")}, {"SIGNALBOX_ENVIRONMENT", "staging"}});
  CHECK(result.err == "");
  for (
      const char* line : {
          R"({"key":"log.level","value":"debug","source":"file","origin":"DIR/signalbox/signalbox.toml:1:17"})",
          R"({"key":"xds.ack_deadline","value":"9s","source":"drop-in","origin":"DIR/signalbox/conf.d/1.toml:2:16"})",
          R"({"key":"store.url","value":"postgres://u:***@h/d","source":"environment","origin":"SIGNALBOX_STORE_URL_FILE=DIR/url"})",
          R"({"key":"environment","value":"staging","source":"environment","origin":"SIGNALBOX_ENVIRONMENT"})",
          R"({"key":"instances","value":"2","source":"flag","origin":"--instances"})",
          R"({"key":"log.format","value":"auto","source":"default","origin":"default"})",
      }) {
    INFO(line);
    CHECK(result.out.find(line) != std::string::npos);
  }
  CHECK(result.out.find("secret") == result.out.find("secrets.key"));
}

TEST_CASE("a password is no flag, and is not shown") {
  const testing::TempDir dir;
  CHECK(Run({"config", "show", "--store.password", "x"}, dir).err.find("unknown flag") !=
        std::string::npos);
  const Result shown = Run({"config", "show", "-o", "jsonl", "--store.url", "postgres://u@h/d"},
                           dir, {{"SIGNALBOX_STORE_PASSWORD", "hidden"}});
  CHECK(shown.out.find("{\"key\":\"store.password\",\"value\":\"***\"") != std::string::npos);
  CHECK(shown.out.find("hidden") == std::string::npos);
}

TEST_CASE("what is valid but worth knowing is a warning") {
  const testing::TempDir dir;
  const Result result = Run({"config", "check", "--store.url", "postgres://u:secret@h/d"}, dir);
  CHECK(result.code == ExitCode::kDone);
  CHECK(result.err ==
        "warning: --store.url: store.url: the password in it is seen by whoever sees the url; put "
        "it into a file and name that in store.password_file\n");
  const Result json = Run({"config", "check", "-o", "jsonl", "--environment", "production"}, dir);
  CHECK(json.out.find("\"warnings\":[\"--environment: environment: \\\"production\\\" on SQLite") !=
        std::string::npos);
}

TEST_CASE("a password file is looked at when a configuration is checked") {
  const testing::TempDir dir;
  std::ofstream(dir.Join("password")) << "secret\n";
  ::chmod(dir.Join("password").c_str(), 0644);
  const std::vector<std::string> check = {"config",
                                          "check",
                                          "--store.url",
                                          "postgres://u@h/d",
                                          "--store.password-file",
                                          dir.Join("password")};
  const Result open = Run(check, dir);
  CHECK(open.code == ExitCode::kInvalid);
  CHECK(open.err ==
        "error: --store.password-file: store.password_file: everyone on this machine may use "
        "DIR/password; close it to others: chmod o-rwx DIR/password\n"
        "hint: `signalbox config reference` lists the options\n");
  ::chmod(dir.Join("password").c_str(), 0600);
  CHECK(Run(check, dir).code == ExitCode::kDone);
}

TEST_CASE("the reference is a page, or a table for programs") {
  const testing::TempDir dir;
  CHECK(Run({"config", "reference"}, dir).out.find("# Configuration\n") == 0);
  CHECK(Run({"config", "reference", "-o", "name"}, dir).out.find("state_dir\nenvironment\n") == 0);
  CHECK(Run({"config", "reference", "-o", "json"}, dir).out.find("\"kind\": \"ConfigReference\"") !=
        std::string::npos);
}

TEST_CASE("the daemon is where --server says, else where the options say") {
  const testing::TempDir dir;
  std::map<std::string, std::string> told = {{"HOME", dir.path()}, {"XDG_RUNTIME_DIR", "/run/u"}};
  told["SIGNALBOX_ADMIN_SOCKET"] = "/some/where.sock";
  Context context = {.out = nullptr, .in = nullptr, .environment = &told};
  CHECK(*ServerTarget(context) == "unix:/some/where.sock");
  context.server = "unix:/x";
  CHECK(*ServerTarget(context) == "unix:/x");
  context.server = "localhost:18001";
  CHECK(*ServerTarget(context) == "localhost:18001");
  for (const char* wrong : {"unix:", "localhost", "localhost:0", "http://x"}) {
    context.server = wrong;
    CHECK(ServerTarget(context).status().message() ==
          "--server \"" + std::string(wrong) + "\" is neither unix:PATH nor HOST:PORT");
  }
}

}  // namespace
}  // namespace signalbox::cli
