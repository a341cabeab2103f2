#include "cli/demo.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/files.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "cli/app.h"
#include "cli/child_process.h"
#include "cli/demo_http.h"
#include "cli/find_envoy.h"
#include "docs/demo_example.h"

namespace signalbox::cli {
namespace {

constexpr char kNodeId[] = "demo-envoy";
constexpr absl::Duration kStepLimit = absl::Seconds(20);
constexpr size_t kMaxLogBytes = size_t{16} << 20;

// Envoy checks what no description of a message says: here, that the router is the last of the HTTP
// filters.
constexpr char kRefusedListener[] = R"(kind: listener
name: refused
spec:
  address:
    socket_address: { address: 127.0.0.1, port_value: 0 }
  filter_chains:
    - filters:
        - name: envoy.filters.network.http_connection_manager
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
            stat_prefix: refused
            rds:
              route_config_name: first-light
              config_source: { ads: {}, resource_api_version: V3 }
            http_filters:
              - name: envoy.filters.http.router
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
              - name: envoy.filters.http.buffer
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
                  max_request_bytes: 1024
)";

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// While it lives, Ctrl-C and SIGTERM only raise the flag above.
class InterruptGuard {
 public:
  InterruptGuard() {
    interrupted = false;
    struct sigaction action = {};
    action.sa_handler = [](int) { interrupted = true; };
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &action, &before_[i]);
  }
  ~InterruptGuard() {
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[std::size(kSignals)] = {};
};

// A folder that is removed with all that is in it.
class TemporaryFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Create() {
    // The path of a Unix socket has at most 107 characters, so not below TMPDIR, which may be long.
    std::string path = "/tmp/signalbox-demo.XXXXXX";
    if (mkdtemp(path.data()) == nullptr)
      return absl::FailedPreconditionError("cannot make a folder in /tmp");
    return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(path));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

// The elements of what a verb printed with -o json; none when it is something else.
std::vector<Json> DataList(const std::string& document) {
  const absl::StatusOr<Json> parsed = Json::Parse(document);
  const Json* const data = parsed.ok() ? parsed->Find("data") : nullptr;
  return data != nullptr ? data->elements() : std::vector<Json>();
}

// A member's text by its path of keys; "" when there is none.
std::string TextAt(const Json& value, std::initializer_list<const char*> path) {
  const Json* at = &value;
  for (const char* key : path) {
    at = at->Find(key);
    if (at == nullptr) return "";
  }
  return at->text();
}

std::string Milliseconds(absl::Duration duration) {
  return absl::StrCat(absl::ToInt64Milliseconds(absl::Ceil(duration, absl::Milliseconds(1))),
                      " ms");
}

// One tour. The members are in the order of their start: their destruction ends them in the
// reverse.
class Demo {
 public:
  Demo(Context* context, const Arguments* arguments, std::vector<Verb> verbs)
      : context_(context), arguments_(arguments), verbs_(std::move(verbs)) {}

  absl::Status Run() {
    SB_ASSIGN_OR_RETURN(envoy_path_, FindEnvoy(arguments_->Value("envoy"), *context_->environment));
    SB_ASSIGN_OR_RETURN(folder_, TemporaryFolder::Create());
    Write(absl::StrCat("Everything of this tour is in ", folder_->path(), " and ends with it.\n"));
    SB_RETURN_IF_ERROR(StartDaemon());
    SB_RETURN_IF_ERROR(StartProxy());
    SB_RETURN_IF_ERROR(ApplyExample());
    SB_RETURN_IF_ERROR(MoveRoute());
    SB_RETURN_IF_ERROR(ShowRefusal());
    if (!arguments_->Has("script")) Stay();
    return Stop();
  }

 private:
  struct Answer {
    ExitCode code;
    std::string out;
    std::string err;
  };

  std::string Path(absl::string_view name) const {
    return absl::StrCat(folder_->path(), "/", name);
  }

  void Write(absl::string_view text) { context_->out->Write(text); }

  void Title(absl::string_view title) {
    Write(absl::StrCat(
        "\n", context_->out->Coloured(absl::StrCat(++steps_, ". ", title), Tone::kGood), "\n"));
  }

  std::string CommandLine(absl::string_view command) const {
    return context_->out->Coloured(absl::StrCat("$ ", command), Tone::kFaint);
  }

  // Each line indented.
  void Show(absl::string_view text) {
    for (const absl::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
      Write(absl::StrCat("   ", line, "\n"));
    }
  }

  // Runs a verb as a user would, in this process.
  Answer Call(std::vector<std::string> words) {
    words.insert(words.end(),
                 {"--server", absl::StrCat("unix:", Path("admin.sock")), "--timeout", "20s"});
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    const ExitCode code = RunApp(words, verbs_,
                                 {.in = &in,
                                  .out = &out,
                                  .err = &err,
                                  .environment = *context_->environment,
                                  .root = context_->root});
    return {code, out.str(), err.str()};
  }

  // The same, shown with what it prints; an error unless it ends with kDone.
  absl::Status Type(const std::vector<std::string>& words) {
    Show(CommandLine(absl::StrCat(
        "signalbox ", absl::StrJoin(words, " ", [](std::string* out, const std::string& word) {
          absl::StrAppend(out,
                          absl::StrContains(word, ' ') ? absl::StrCat("\"", word, "\"") : word);
        }))));
    std::vector<std::string> resolved = words;
    for (std::string& word : resolved) {
      if (absl::EndsWith(word, ".yaml")) word = Path(word);
    }
    const Answer answer = Call(std::move(resolved));
    if (!answer.out.empty()) Show(answer.out);
    if (!answer.err.empty()) Show(answer.err);
    if (answer.code == ExitCode::kDone) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat("signalbox ", words[0], " ended with ", static_cast<int>(answer.code)));
  }

  // Asks until `condition` holds.
  //   kCancelled         Ctrl-C
  //   kUnavailable       a program of the tour ended, or the condition did not hold in time; with
  //   what its log says last
  absl::Status Await(absl::string_view what, absl::FunctionRef<bool()> condition) {
    const absl::Time deadline = absl::Now() + kStepLimit;
    while (!condition()) {
      if (interrupted) return absl::CancelledError("interrupted");
      if (daemon_ != nullptr && daemon_->Ended().has_value())
        return Lost("the daemon ended", "daemon.log");
      if (envoy_ != nullptr && envoy_->Ended().has_value()) return Lost("Envoy ended", "envoy.log");
      if (absl::Now() > deadline) {
        return Lost(absl::StrCat("not within ", absl::FormatDuration(kStepLimit), ": ", what),
                    envoy_ != nullptr ? "envoy.log" : "daemon.log");
      }
      absl::SleepFor(absl::Milliseconds(2));
    }
    return absl::OkStatus();
  }

  absl::Status Lost(absl::string_view what, absl::string_view log_name) const {
    const std::string log = ReadFile(Path(log_name), kMaxLogBytes).value_or("");
    return absl::UnavailableError(absl::StrCat(
        what, "; ", log_name, " ends:\n",
        absl::StripSuffix(log.substr(log.size() - std::min<size_t>(log.size(), 2000)), "\n")));
  }

  absl::Status StartDaemon() {
    Title("The daemon, on SQLite");
    // Nothing of the user's own daemon is to configure this one.
    for (const auto& [name, value] : *context_->environment) {
      if (absl::StartsWith(name, "SIGNALBOX_")) unsetenv(name.c_str());
    }
    SB_RETURN_IF_ERROR(WriteFileAtomically(Path("signalbox.toml"), "", 0600));
    const absl::Time start = absl::Now();
    SB_ASSIGN_OR_RETURN(
        daemon_,
        ChildProcess::Start({"/proc/self/exe", "serve", "--config", Path("signalbox.toml"),
                             "--store.path", Path("store"), "--admin.socket", Path("admin.sock"),
                             "--xds.listen", "127.0.0.1:0", "--http.listen", "127.0.0.1:0"},
                            Path("daemon.log")));
    SB_RETURN_IF_ERROR(Await("the daemon answers", [&] {
      const Answer answer = Call({"status", "-o", "json"});
      if (answer.code != ExitCode::kDone) return false;
      const absl::StatusOr<Json> status = Json::Parse(answer.out);
      if (!status.ok()) return false;
      xds_address_ = TextAt(*status, {"data", "xds_address"});
      return !xds_address_.empty();
    }));
    Show(absl::StrCat("ready after ", Milliseconds(absl::Now() - start), ": discovery on ",
                      xds_address_, ", admin on unix:", Path("admin.sock")));
    return absl::OkStatus();
  }

  absl::Status StartProxy() {
    Title("Two upstream servers and a real Envoy");
    SB_ASSIGN_OR_RETURN(blue_, DemoUpstream::Create("blue"));
    SB_ASSIGN_OR_RETURN(green_, DemoUpstream::Create("green"));
    Show(
        absl::StrCat("blue on 127.0.0.1:", blue_->port(), ", green on 127.0.0.1:", green_->port()));

    const std::vector<std::string> words = {"bootstrap", "envoy",      "--node-id", kNodeId,
                                            "--xds",     xds_address_, "--delta",   "--plaintext"};
    Show(CommandLine(absl::StrCat("signalbox ", absl::StrJoin(words, " "), " > envoy.yaml")));
    const Answer bootstrap = Call(words);
    if (bootstrap.code != ExitCode::kDone) return absl::InternalError(bootstrap.err);
    SB_RETURN_IF_ERROR(WriteFileAtomically(Path("envoy.yaml"), bootstrap.out, 0600));
    Show(CommandLine(absl::StrCat(envoy_path_, " -c envoy.yaml")));
    const absl::Time start = absl::Now();
    SB_ASSIGN_OR_RETURN(
        envoy_, ChildProcess::Start({envoy_path_, "-c", Path("envoy.yaml"), "--admin-address-path",
                                     Path("envoy.admin"), "--concurrency", "1",
                                     "--disable-hot-restart", "--log-level", "warning"},
                                    Path("envoy.log")));
    SB_RETURN_IF_ERROR(Await("Envoy has a stream", [&] {
      for (const Json& node : DataList(Call({"nodes", "-o", "json"}).out)) {
        if (TextAt(node, {"id"}) == kNodeId && TextAt(node, {"state"}) != "GONE") {
          Show(absl::StrCat(TextAt(node, {"client"}), " connected after ",
                            Milliseconds(absl::Now() - start)));
          return true;
        }
      }
      return false;
    }));
    int admin_port = 0;
    const std::string address = ReadFile(Path("envoy.admin"), 256).value_or("");
    const std::vector<std::string> parts = absl::StrSplit(absl::StripSuffix(address, "\n"), ':');
    if (!absl::SimpleAtoi(parts.back(), &admin_port))
      return Lost("Envoy has no admin port", "envoy.log");
    envoy_admin_ = std::make_unique<DemoBrowser>(admin_port);
    return absl::OkStatus();
  }

  // The example of the documentation with the tour's ports: Envoy picks the listener's.
  absl::Status ApplyExample() {
    Title("Configuration: one file, one apply, one revision");
    SB_CHECK(DemoExample().size() == 1);
    example_ = std::string(DemoExample()[0].content);
    const std::pair<std::string, std::string> ports[] = {
        {"port_value: 10000", "port_value: 0"},
        {"port_value: 10101", absl::StrCat("port_value: ", blue_->port())},
        {"port_value: 10102", absl::StrCat("port_value: ", green_->port())}};
    for (const auto& [from, to] : ports) {
      SB_CHECK(absl::StrReplaceAll({{from, to}}, &example_) == 1);
    }
    SB_RETURN_IF_ERROR(WriteFileAtomically(Path("first-light.yaml"), example_, 0600));
    const absl::Time start = absl::Now();
    SB_RETURN_IF_ERROR(Type({"apply", "-f", "first-light.yaml"}));
    SB_RETURN_IF_ERROR(Await("Envoy listens", [&] {
      port_ = ListenerPort();
      return port_ > 0;
    }));
    browser_ = std::make_unique<DemoBrowser>(port_);
    SB_RETURN_IF_ERROR(Await("Envoy answers", [&] { return Ask() == "blue"; }));
    Show(absl::StrCat("the first request was answered ", Milliseconds(absl::Now() - start),
                      " after the apply began"));
    return Requests("blue");
  }

  int ListenerPort() {
    const absl::StatusOr<std::string> listeners = envoy_admin_->Get("/listeners?format=json");
    if (!listeners.ok()) return 0;
    const absl::StatusOr<Json> parsed = Json::Parse(*listeners);
    const Json* const statuses = parsed.ok() ? parsed->Find("listener_statuses") : nullptr;
    if (statuses == nullptr) return 0;
    for (const Json& status : statuses->elements()) {
      int port = 0;
      if (TextAt(status, {"name"}) == "first-light" &&
          absl::SimpleAtoi(TextAt(status, {"local_address", "socket_address", "port_value"}),
                           &port)) {
        return port;
      }
    }
    return 0;
  }

  std::string Ask() { return browser_->Get("/").value_or(""); }

  // Three requests, each of which must be answered so.
  absl::Status Requests(absl::string_view expected) {
    for (int i = 0; i < 3; ++i) {
      SB_ASSIGN_OR_RETURN(const std::string answer, browser_->Get("/"));
      Show(absl::StrCat("GET http://127.0.0.1:", port_, "/  ->  ", answer));
      if (answer != expected) {
        return absl::InternalError(
            absl::StrCat("a request was answered by ", answer, ", not by ", expected));
      }
    }
    return absl::OkStatus();
  }

  absl::Status MoveRoute() {
    Title("A change, while requests go on");
    Show(CommandLine("sed -i 's/cluster: blue/cluster: green/' first-light.yaml"));
    SB_CHECK(absl::StrReplaceAll({{"route: { cluster: blue }", "route: { cluster: green }"}},
                                 &example_) == 1);
    SB_RETURN_IF_ERROR(WriteFileAtomically(Path("first-light.yaml"), example_, 0600));

    std::atomic<bool> stop{false};
    std::atomic<bool> moved{false};
    int requests = 0;
    int failures = 0;
    absl::Time moved_at;
    std::thread client([&] {
      DemoBrowser browser(port_);
      while (!stop) {
        const absl::StatusOr<std::string> answer = browser.Get("/");
        ++requests;
        if (!answer.ok() || (*answer != "green" && (moved || *answer != "blue"))) ++failures;
        if (answer.ok() && *answer == "green" && !moved) {
          moved_at = absl::Now();
          moved = true;
        }
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    });
    const absl::Time start = absl::Now();
    absl::Status status =
        Type({"apply", "-f", "first-light.yaml", "-m", "send everything to green"});
    if (status.ok()) status = Await("requests follow the route", [&] { return moved.load(); });
    if (status.ok())
      status =
          Await("requests go on", [&] { return absl::Now() > moved_at + absl::Milliseconds(200); });
    stop = true;
    client.join();
    SB_RETURN_IF_ERROR(status);
    SB_ASSIGN_OR_RETURN(const absl::Time committed, CommitTime());
    Show(absl::StrCat("requests followed ", Milliseconds(moved_at - committed),
                      " after the commit, ", Milliseconds(moved_at - start),
                      " after the command began; ", requests, " requests meanwhile, ", failures,
                      " failed"));
    if (failures > 0) return absl::InternalError("requests failed while the route moved");
    SB_RETURN_IF_ERROR(Requests("green"));
    SB_RETURN_IF_ERROR(AwaitState("SYNCED", nullptr));
    Write("\n");
    return Type({"nodes"});
  }

  // When the newest revision was committed, by the daemon's clock, which is this machine's.
  absl::StatusOr<absl::Time> CommitTime() {
    const absl::StatusOr<Json> status = Json::Parse(Call({"status", "-o", "json"}).out);
    absl::Time time;
    std::string error;
    if (!status.ok() ||
        !absl::ParseTime(absl::RFC3339_full, TextAt(*status, {"data", "head", "time"}), &time,
                         &error)) {
      return absl::InternalError("status does not say when the newest revision was committed");
    }
    return time;
  }

  // Until the proxy is in that state; `error` is set to the text with which its listeners were
  // refused.
  absl::Status AwaitState(absl::string_view state, std::string* error) {
    return Await(absl::StrCat("the proxy is ", state), [&] {
      for (const Json& node : DataList(Call({"nodes", "-o", "json"}).out)) {
        if (TextAt(node, {"id"}) != kNodeId || TextAt(node, {"state"}) != state) continue;
        const Json* const types = node.Find("types");
        for (const Json& type : types != nullptr ? types->elements() : std::vector<Json>()) {
          if (error != nullptr && TextAt(type, {"kind"}) == "listener")
            *error = TextAt(type, {"error"});
        }
        return error == nullptr || !error->empty();
      }
      return false;
    });
  }

  absl::Status ShowRefusal() {
    Title("A listener that Envoy refuses");
    SB_RETURN_IF_ERROR(WriteFileAtomically(Path("refused.yaml"), kRefusedListener, 0600));
    SB_RETURN_IF_ERROR(Type({"apply", "-f", "refused.yaml"}));
    std::string error;
    SB_RETURN_IF_ERROR(AwaitState("NACK", &error));
    SB_RETURN_IF_ERROR(Type({"nodes"}));
    Show(absl::StrCat("Envoy's words: ", Printable(absl::StripTrailingAsciiWhitespace(error))));
    Show("and what it had before goes on:");
    return Requests("green");
  }

  void Stay() {
    Title("Yours");
    Show(absl::StrCat("Envoy listens on http://127.0.0.1:", port_, "/; in another terminal:"));
    Show(absl::StrCat("signalbox --server unix:", Path("admin.sock"), " status"));
    Show(absl::StrCat("signalbox --server unix:", Path("admin.sock"), " apply -f ",
                      Path("first-light.yaml")));
    Show("Ctrl-C ends it all.");
    context_->out->Flush();
    while (!interrupted && !daemon_->Ended().has_value() && !envoy_->Ended().has_value()) {
      absl::SleepFor(absl::Milliseconds(50));
    }
  }

  absl::Status Stop() {
    envoy_->Stop(absl::Seconds(5));
    const int ended = daemon_->Stop(absl::Seconds(10));
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0)
      return Lost("the daemon did not end cleanly", "daemon.log");
    Write("\nDone: the daemon and Envoy have ended, nothing is left behind.\n");
    return absl::OkStatus();
  }

  Context* const context_;
  const Arguments* const arguments_;
  const std::vector<Verb> verbs_;

  int steps_ = 0;
  std::string envoy_path_;
  std::string xds_address_;
  std::string example_;  // as it was last applied
  int port_ = 0;         // Envoy's listener
  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<DemoUpstream> blue_;
  std::unique_ptr<DemoUpstream> green_;
  std::unique_ptr<ChildProcess> daemon_;
  std::unique_ptr<ChildProcess> envoy_;
  std::unique_ptr<DemoBrowser> envoy_admin_;
  std::unique_ptr<DemoBrowser> browser_;
};

}  // namespace

Verb DemoVerb(std::function<std::vector<Verb>()> verbs) {
  return {.name = "demo",
          .group = Verb::Group::kSetup,
          .help = "Show a real Envoy that is configured from the database",
          .example = "signalbox demo\nsignalbox demo --script --envoy /usr/local/bin/envoy",
          .flags = {{.name = "envoy",
                     .value = "PATH",
                     .help = "the Envoy to run; the one on PATH, else the one that "
                             "tools/setup installed, unless given"},
                    {.name = "script",
                     .help = "end without waiting for Ctrl-C; exit 0 only if every step held"}},
          .run = [verbs = std::move(verbs)](Context& context, const Arguments& arguments) {
            const InterruptGuard guard;
            const absl::Status status = Demo(&context, &arguments, verbs()).Run();
            if (status.ok()) return ExitCode::kDone;
            Failure failure(status);
            failure.exit_code = ExitCode::kNegative;
            if (absl::IsNotFound(status)) failure.hint = "run tools/setup, or give --envoy PATH";
            return context.out->Fail(failure);
          }};
}

}  // namespace signalbox::cli
