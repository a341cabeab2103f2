#include "options/options.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "options/problem.h"
#include "options/table.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::options {
namespace {

// A home of its own: no file of the machine is read.
class Home {
 public:
  Home() {
    sources.environment["XDG_CONFIG_HOME"] = dir.path();
    ::mkdir(dir.Join("signalbox").c_str(), 0700);
    ::mkdir(dir.Join("signalbox/conf.d").c_str(), 0700);
  }

  std::string File(const std::string& name = "signalbox.toml") const {
    return dir.Join("signalbox/" + name);
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(File(name)) << text;
  }

  Options MustLoad() const {
    Options options = Options::Read(sources);
    CHECK(Error() == "");
    return options;
  }
  // The value and, with the directory of the file as "DIR", where it was said.
  std::string Said(const std::string& key) const {
    const Options options = MustLoad();
    return absl::StrReplaceAll(
        absl::StrCat(options.Get(key).text, " ", options.Get(key).origin.SourceName(), " ",
                     options.Get(key).origin.ToString()),
        {{dir.Join("signalbox"), "DIR"}});
  }
  // All problems, a line for each, with the directory of the file as "DIR".
  std::string Error() const {
    return absl::StrReplaceAll(ProblemsError(Options::Read(sources).problems()).message(),
                               {{dir.Join("signalbox"), "DIR"}});
  }

  testing::TempDir dir;
  Sources sources;
};

TEST_CASE("with nothing said every option has its default") {
  const Home home;
  const Options options = home.MustLoad();
  for (const Option& option : Table()) {
    CHECK(options.Get(option.key).text == option.otherwise);
    CHECK(options.Get(option.key).origin.ToString() == "default");
    CHECK_FALSE(options.IsSet(option.key));
  }
  CHECK(options.files().empty());
}

TEST_CASE("a stronger source wins and is the origin") {
  Home home;
  const auto said = [&] { return home.Said("xds.ack_deadline"); };
  CHECK(said() == "30s default default");
  home.Write("signalbox.toml", "[xds]\n\nack_deadline = \"31s\"\n");
  CHECK(said() == "31s file DIR/signalbox.toml:3:16");
  home.Write("conf.d/10.toml", "xds.ack_deadline = \"32s\"\n");
  home.Write("conf.d/20.toml", "xds = { ack_deadline = \"33s\" }\n");
  home.Write("conf.d/30.txt", "not = \"read\"\n");
  CHECK(said() == "33s drop-in DIR/conf.d/20.toml:1:24");
  home.sources.environment["SIGNALBOX_XDS_ACK_DEADLINE"] = "34s";
  CHECK(said() == "34s environment SIGNALBOX_XDS_ACK_DEADLINE");
  home.sources.flags = {{"xds.ack_deadline", "35s"}, {"xds.ack_deadline", "36s"}};
  CHECK(said() == "36s flag --xds.ack-deadline");
  CHECK(home.MustLoad().files() == std::vector<std::string>{home.File(),
                                                            home.File("conf.d/10.toml"),
                                                            home.File("conf.d/20.toml")});
}

TEST_CASE("a file that is named must be there, the default one need not") {
  Home home;
  CHECK(home.Error() == "");
  home.sources.file = home.File("other.toml");
  CHECK(home.Error() == "no such file: DIR/other.toml");
  home.Write("other.toml", "environment = \"production\"\n");
  home.Write("signalbox.toml", "not = \"read\"\n");
  CHECK(home.MustLoad().Get("environment").text == "production");
}

TEST_CASE("each mistake in a file is named with its place") {
  const std::pair<const char*, const char*> cases[] = {
      {"instances = \"2\"\n", "DIR/signalbox.toml:1:13: instances must be a number, not a string"},
      {"instances = 2.0\n",
       "DIR/signalbox.toml:1:13: instances must be a number, not a number with a fraction"},
      {"instances = 0\n",
       "DIR/signalbox.toml:1:13: instances must be a number from 1 to 100, not 0"},
      {"store.port = 65536\n",
       "DIR/signalbox.toml:1:14: store.port must be a number from 1 to 65535, not 65536"},
      {"store.driver = \"sqllite\"\n",
       "DIR/signalbox.toml:1:16: store.driver must be one of sqlite, postgres, not \"sqllite\"; "
       "did "
       "you mean \"sqlite\"?"},
      {"store.sslmode = \"verify_full\"\n",
       "DIR/signalbox.toml:1:17: store.sslmode must be one of disable, allow, prefer, require, "
       "verify-ca, verify-full, not \"verify_full\"; did you mean \"verify-full\"?"},
      {"store.password = \"secret\"\n",
       "DIR/signalbox.toml:1:18: store.password is taken from the environment only, where others "
       "do "
       "not see it: set SIGNALBOX_STORE_PASSWORD, or store.password_file to a file that holds it"},
      {"[store]\nur = \"x\"\n",
       "DIR/signalbox.toml:2:1: unknown key \"store.ur\"; did you mean \"store.url\"?"},
      {"[sotre]\nurl = \"x\"\n",
       "DIR/signalbox.toml:1:2: unknown key \"sotre\"; did you mean \"store\"?"},
      {"hold_max = \"1s\"\n",
       "DIR/signalbox.toml:1:1: unknown key \"hold_max\"; did you mean \"xds.ordering.hold_max\"?"},
      {"banana = 1\n", "DIR/signalbox.toml:1:1: unknown key \"banana\""},
      {"[bananas]\na = 1\n", "DIR/signalbox.toml:1:2: unknown key \"bananas\""},
      {"[store]\n[store.pools]\nmin = 1\n", "DIR/signalbox.toml:2:8: unknown key \"store.pools\""},
      {"store = 1\n", "DIR/signalbox.toml:1:9: store must be a table, not a number"},
      {"[[store]]\n", "DIR/signalbox.toml:1:1: store must be a table, not a list"},
      {"[xds]\ninsecure = \"true\"\n",
       "DIR/signalbox.toml:2:12: xds.insecure must be true or false, not a string"},
      {"xds.ack_deadline = 30\n",
       "DIR/signalbox.toml:1:20: xds.ack_deadline must be a string, not a number"},
      {"xds.ack_deadline = \"30\"\n",
       "DIR/signalbox.toml:1:20: xds.ack_deadline must be a duration above zero, such as "
       "\"500ms\", \"30s\" or "
       "\"15m\", not \"30\""},
      {"xds.ack_deadline = \"-1s\"\n",
       "DIR/signalbox.toml:1:20: xds.ack_deadline must be a duration above zero, such as "
       "\"500ms\", \"30s\" or "
       "\"15m\", not \"-1s\""},
      {"xds.ack_deadline = \"inf\"\n",
       "DIR/signalbox.toml:1:20: xds.ack_deadline must be a duration above zero, such as "
       "\"500ms\", \"30s\" or "
       "\"15m\", not \"inf\""},
      {"log.level = \"warn\"\n",
       "DIR/signalbox.toml:1:13: log.level must be one of debug, info, warning, error, not "
       "\"warn\""},
      {"log.level = \"inof\"\n",
       "DIR/signalbox.toml:1:13: log.level must be one of debug, info, warning, error, not "
       "\"inof\"; did you mean "
       "\"info\"?"},
      {"xds.listen = \"18000\"\n",
       "DIR/signalbox.toml:1:14: xds.listen is wrong: \"18000\" is not HOST:PORT, such as "
       "127.0.0.1:18000, "
       "[::1]:18000 or 0.0.0.0:18000 for every interface"},
      {"state_dir = \"a\\u0000b\"\n", "DIR/signalbox.toml:1:13: state_dir must not hold a NUL"},
      {"log.level = [\"info\"]\n",
       "DIR/signalbox.toml:1:13: log.level must be a string, not a list"},
      {"log.level = 2026-01-01\n",
       "DIR/signalbox.toml:1:13: log.level must be a string, not a date or time"},
  };
  for (const auto& [text, want] : cases) {
    const Home home;
    home.Write("signalbox.toml", text);
    INFO(text);
    CHECK(home.Error() == want);
  }
}

TEST_CASE("what is not TOML is refused with its place") {
  const Home home;
  home.Write("signalbox.toml", "environment = \"a\"\n[xds\n");
  CHECK(home.Error().find("DIR/signalbox.toml:2:5: not TOML: ") == 0);
}

TEST_CASE("all mistakes are told at once, in the order of the sources") {
  Home home;
  home.Write("signalbox.toml", "z = 1\na = 1\n");
  home.Write("conf.d/a.toml", "log.levle = \"info\"\n");
  home.sources.environment["SIGNALBOX_STORE_UR"] = "x";
  home.sources.flags = {{"http.insecure", "perhaps"}};
  CHECK(home.Error() ==
        "DIR/signalbox.toml:1:1: unknown key \"z\"\n"
        "DIR/signalbox.toml:2:1: unknown key \"a\"\n"
        "DIR/conf.d/a.toml:1:5: unknown key \"log.levle\"; did you mean \"log.level\"?\n"
        "unknown environment variable SIGNALBOX_STORE_UR; did you mean \"SIGNALBOX_STORE_URL\"?\n"
        "--http.insecure: http.insecure must be true or false, not \"perhaps\"");
}

TEST_CASE("variables that a container platform sets for a service of our name are no options") {
  Home home;
  home.sources.environment.insert({{"SIGNALBOX_SERVICE_HOST", "10.0.0.1"},
                                   {"SIGNALBOX_SERVICE_PORT_XDS", "18000"},
                                   {"SIGNALBOX_PORT", "tcp://10.0.0.1:18000"},
                                   {"SIGNALBOX_XDS_PORT_18000_TCP_ADDR", "10.0.0.1"}});
  CHECK(home.Error() == "");
  home.sources.environment.insert({"SIGNALBOX_XDS_PORT", "18000"});
  CHECK(home.Error() == "unknown environment variable SIGNALBOX_XDS_PORT");
}

TEST_CASE("any value can be read from a file that a variable names") {
  Home home;
  home.Write("url", "sqlite:////data\n");
  home.Write("level", "debug\r\n");
  home.sources.environment["SIGNALBOX_STORE_URL_FILE"] = home.File("url");
  home.sources.environment["SIGNALBOX_LOG_LEVEL_FILE"] = home.File("level");
  CHECK(home.Said("store.url") == "sqlite:////data environment SIGNALBOX_STORE_URL_FILE=DIR/url");
  CHECK(home.Said("log.level") == "debug environment SIGNALBOX_LOG_LEVEL_FILE=DIR/level");
  home.sources.flags = {{"log.level", "error"}};
  CHECK(home.Said("log.level") == "error flag --log.level");
  home.sources.environment["SIGNALBOX_STORE_URL"] = "sqlite:////other";
  CHECK(home.Error() ==
        "SIGNALBOX_STORE_URL_FILE=DIR/url: SIGNALBOX_STORE_URL is set too; set one of them");
  home.sources.environment.erase("SIGNALBOX_STORE_URL");
  home.sources.environment["SIGNALBOX_STORE_URL_FILE"] = home.File("absent");
  CHECK(home.Error() == "SIGNALBOX_STORE_URL_FILE: no such file: DIR/absent");
  home.sources.environment["SIGNALBOX_STORE_URL_FILE"] = home.File("url");
  home.Write("level", "loud\n");
  CHECK(home.Error() ==
        "SIGNALBOX_LOG_LEVEL_FILE=DIR/level: log.level must be one of debug, info, warning, error, "
        "not \"loud\"");
}

TEST_CASE("a password comes from its variable, or from a file that a variable or an option names") {
  Home home;
  home.Write("password", "secret\n");
  home.sources.environment["SIGNALBOX_STORE_PASSWORD"] = "secret";
  CHECK(home.Said("store.password") == "secret environment SIGNALBOX_STORE_PASSWORD");
  home.sources.environment = {{"XDG_CONFIG_HOME", home.dir.path()},
                              {"SIGNALBOX_STORE_PASSWORD_FILE", home.File("password")}};
  CHECK(home.Said("store.password") == " default default");
  CHECK(home.Said("store.password_file") ==
        "DIR/password environment SIGNALBOX_STORE_PASSWORD_FILE");
}

TEST_CASE("an empty value takes back what a weaker source says") {
  Home home;
  home.Write("signalbox.toml", "environment = \"production\"\nlog.level = \"debug\"\n");
  home.sources.flags = {{"environment", ""}};
  CHECK(home.Said("environment") == " default default");
  CHECK_FALSE(home.MustLoad().IsSet("environment"));
  home.sources.flags = {{"log.level", ""}};
  CHECK(home.Error() ==
        "--log.level: log.level must be one of debug, info, warning, error, not \"\"");
}

TEST_CASE("what is wrong leaves what a weaker source says") {
  Home home;
  home.Write("signalbox.toml", "log.level = \"debug\"\n");
  home.sources.flags = {{"log.level", "loud"}};
  const Options options = Options::Read(home.sources);
  REQUIRE(options.problems().size() == 1);
  CHECK(options.problems()[0].key == "log.level");
  CHECK(options.problems()[0].place == "--log.level");
  CHECK(options.Get("log.level").text == "debug");
}

TEST_CASE("a folder of drop-ins needs no file beside it") {
  Home home;
  home.Write("conf.d/a.toml", "instances = 3\n");
  CHECK(home.Said("instances") == "3 drop-in DIR/conf.d/a.toml:1:13");
}

TEST_CASE("the default file lies where the user's configuration does") {
  CHECK(DefaultFile({.root = true}) == "/etc/signalbox/signalbox.toml");
  CHECK(DefaultFile({.environment = {{"HOME", "/h"}}}) == "/h/.config/signalbox/signalbox.toml");
  CHECK(DefaultFile({.environment = {{"HOME", "/h"}, {"XDG_CONFIG_HOME", "/c"}}}) ==
        "/c/signalbox/signalbox.toml");
  CHECK(DefaultFile({}) == "");
  CHECK(Options::Read({}).problems().empty());
}

TEST_CASE("every option has one name on each way in") {
  std::set<std::string> names;
  for (const Option& option : Table()) {
    CHECK(names.insert(EnvironmentName(option)).second);
    CHECK_FALSE(option.help.empty());
    CHECK(option.help.find('|') == std::string::npos);  // it stands in a table
    CHECK(FlagName(option).find('_') == std::string::npos);
  }
  CHECK(EnvironmentName(*FindOption("xds.ordering.hold_max")) == "SIGNALBOX_XDS_ORDERING_HOLD_MAX");
  CHECK(FlagName(*FindOption("xds.ordering.hold_max")) == "xds.ordering.hold-max");
}

}  // namespace
}  // namespace signalbox::options
