#include <fcntl.h>
#include <grpcpp/server.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/json.h"
#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/verbs.h"
#include "server/admin/grpc_service.h"
#include "tests/server/admin/admin_fixture.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::cli {
namespace {

using signalbox::testing::AdminFixture;
using signalbox::testing::TempDir;

constexpr char kClusters[] = R"(kind: cluster
name: a
labels: { tier: backend }
spec: { type: STATIC, connect_timeout: 0.25s }
---
kind: cluster
name: b
spec: { type: STATIC }
)";

struct Result {
  ExitCode code;
  std::string out;
  std::string err;
};

// A daemon's admin API on a Unix socket, and the command line against it. The folder's name is
// "DIR" in what comes back.
class World : public AdminFixture {
 public:
  World() { Start(); }
  ~World() { Stop(); }

  void Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(target(), grpc::InsecureServerCredentials());
    services_.AddTo(&builder);
    server_ = builder.BuildAndStart();
  }
  void Stop() {
    if (acceptor_.joinable()) {
      ::shutdown(listener_, SHUT_RDWR);
      acceptor_.join();
      ::close(listener_);
    }
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_ = nullptr;
  }
  // As Start, but each connection is taken up only after `delay`, as on a machine that is busy.
  void StartSlowly(absl::Duration delay) {
    grpc::ServerBuilder builder;
    services_.AddTo(&builder);
    server_ = builder.BuildAndStart();
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    const std::string path = dir.Join("admin.sock");
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    acceptor_ = std::thread([this, delay] {
      while (true) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        ::poll(nullptr, 0, static_cast<int>(absl::ToInt64Milliseconds(delay)));
        grpc::AddInsecureChannelFromFd(server_.get(), fd);
      }
    });
  }

  std::string target() const { return absl::StrCat("unix:", dir.Join("admin.sock")); }

  std::string File(const std::string& name, const std::string& content) const {
    std::ofstream(dir.Join(name)) << content;
    return dir.Join(name);
  }

  Result Run(std::vector<std::string> args, const std::string& input = "") {
    args.insert(args.end(), {"--server", target()});
    std::istringstream in(input);
    std::ostringstream out, err;
    const ExitCode code =
        RunApp(args, Verbs(), {.in = &in, .out = &out, .err = &err, .environment = {}});
    return {code, absl::StrReplaceAll(out.str(), {{dir.path(), "DIR"}}),
            absl::StrReplaceAll(err.str(), {{dir.path(), "DIR"}})};
  }

  TempDir dir{TempDir::Place::kShortPath};
  std::vector<NodeStatus> fleet_nodes;
  std::atomic<int> calls = 0;
  // Called at the beginning of each call.
  std::function<void(int call)> on_call = [](int) {};

 private:
  FleetView fleet_{.nodes = [this] { return fleet_nodes; }, .served = [] { return Revision{413}; }};
  NodesHandler nodes_{fleet_};
  SystemHandler system_{
      {.version = "0.1.0", .started = absl::Now(), .pid = 7, .xds_address = "127.0.0.1:18000"},
      store.get(),
      fleet_,
      [] {
        return std::map<std::string, int>{{"cluster", 2}};
      },
      nullptr};
  AdminServices services_{config.get(), revisions.get(), &nodes_, &system_,
                          [this](const grpc::ServerContext&) {
                            on_call(++calls);
                            return Caller{.author = "alice"};
                          }};
  std::unique_ptr<grpc::Server> server_;
  int listener_ = -1;
  std::thread acceptor_;
};

TEST_CASE("a daemon that is slow to take up a connection is waited for") {
  World world;
  world.Stop();
  world.StartSlowly(absl::Milliseconds(700));
  const Result listed = world.Run({"get", "cluster"});
  CHECK(listed.code == ExitCode::kDone);
  CHECK(listed.err == "nothing found\n");
}

TEST_CASE("a secret is shown redacted, and revealed when asked for") {
  World world;
  const std::string file = world.File("s.yaml", R"(kind: secret
name: token
spec: { generic_secret: { secret: { inline_string: hush } } }
)");
  const Result applied = world.Run({"apply", "-f", file});
  CHECK(applied.code == ExitCode::kDone);
  CHECK(applied.err == "");

  const Result shown = world.Run({"get", "secret/token", "-o", "yaml"});
  CHECK(absl::StrContains(shown.out, "[redacted]"));
  CHECK(!absl::StrContains(shown.out, "hush"));
  CHECK(world.audited.empty());
  CHECK(absl::StrContains(world.Run({"get", "secret", "--reveal", "-o", "yaml"}).out, "hush"));
  CHECK(world.audited.size() == 1);

  const Result refused =
      world.Run({"apply", "-f", "-"},
                "kind: secret\nname: token\nspec: { generic_secret: { secret: { inline_string: "
                "\"[redacted]\" } } }\n");
  CHECK(refused.code == ExitCode::kInvalid);
  CHECK(absl::StrContains(refused.err, "stdin:3:"));
  CHECK(absl::StrContains(refused.err, "--reveal"));
}

TEST_CASE("a warning says where what it is about stands") {
  World world;
  const std::string file = world.File("c.yaml", R"(kind: cluster
name: a
spec:
  transport_socket:
    name: tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
      common_tls_context: { tls_certificates: [{ private_key: { inline_string: k } }] }
)");
  const Result applied = world.Run({"apply", "-f", file});
  CHECK(applied.code == ExitCode::kDone);
  CHECK(absl::StartsWith(applied.err, "warning: DIR/c.yaml:8:65: spec.transport_socket."));
  CHECK(absl::StrContains(applied.err, "key material"));
  const Json data = *Json::Parse(world.Run({"apply", "-f", file, "-o", "json"}).out);
  const Json& warning = data.Find("data")->Find("warnings")->elements()[0];
  CHECK(warning.Find("source")->text() == "DIR/c.yaml:8:65");
  CHECK(absl::StrContains(warning.Find("field")->text(), "private_key"));
}

TEST_CASE("the history of all and of one resource, the newest first") {
  World world;
  world.Run({"apply", "-f", world.File("a.yaml", kClusters), "-m", "first"});
  world.Run({"delete", "cluster/a", "-m", "second"});
  const Result all = world.Run({"history"});
  CHECK(all.code == ExitCode::kDone);
  CHECK(absl::StartsWith(all.out, "REVISION  "));
  CHECK(absl::StrContains(all.out, "AGE  AUTHOR  KIND   MESSAGE\n"));
  CHECK(all.out.find("second") < all.out.find("first"));
  CHECK(world.Run({"history", "-o", "name"}).out == "revision/2\nrevision/1\n");
  CHECK(world.Run({"history", "--limit", "1", "-o", "name"}).out == "revision/2\n");
  CHECK(world.Run({"history", "cluster/b", "-o", "name"}).out == "revision/1\n");
  const Json data = *Json::Parse(world.Run({"history", "cluster/a", "-o", "json"}).out);
  CHECK(data.Find("data")->elements()[0].Find("removed")->text() == "true");
  CHECK(data.Find("data")->elements()[1].Find("removed") == nullptr);
  CHECK(world.Run({"history", "cluster"}).code == ExitCode::kUsage);
  CHECK(world.Run({"history", "--limit", "-1"}).code == ExitCode::kUsage);
  CHECK(world.Run({"history", "clusters/a"}).code == ExitCode::kInvalid);
  CHECK(world.Run({"history", "cluster/never"}).err == "nothing found\n");
}

TEST_CASE("manifests are applied as one revision, then read and deleted") {
  World world;
  const std::string file = world.File("a.yaml", kClusters);
  const Result applied = world.Run({"apply", "-f", file, "-m", "first"});
  CHECK(applied.err == "");
  CHECK(applied.out ==
        "plan  +2 create  ~0 update  -0 delete  =0 unchanged\nrevision 1 committed\n");
  CHECK(applied.code == ExitCode::kDone);
  CHECK(world.store->GetRevision(Revision{1})->message == "first");
  CHECK(world.store->GetRevision(Revision{1})->author == "alice");

  CHECK(world.Run({"apply", "-f", file}).out == "nothing to change; the head is revision 1\n");
  CHECK(world.Run({"apply", "-f", file, "-o", "name"}).out == "cluster/a\ncluster/b\n");

  CHECK(world.Run({"get", "cluster"}).out ==
        "KIND     NAME  REVISION  GROUPS  LABELS\n"
        "cluster  a            1  all     tier=backend\n"
        "cluster  b            1  all\n");
  CHECK(world.Run({"get", "cluster/b", "-o", "wide"}).out ==
        "KIND     NAME  REVISION  GROUPS  LABELS  NAMESPACE  OWNER  SOURCE\n"
        "cluster  b            1  all             default           DIR/a.yaml:6\n");
  CHECK(world.Run({"get", "cluster/b", "cluster", "-o", "name"}).out == "cluster/a\ncluster/b\n");

  CHECK(world.Run({"get", "cluster", "-l", "tier=backend", "-o", "name"}).out == "cluster/a\n");
  CHECK(world.Run({"get", "cluster", "--filter", "label.tier=backend AND changed_since=1"}).err ==
        "nothing found\n");
  const Result unknown = world.Run({"get", "cluster", "--filter", "lable.tier=backend"});
  CHECK(unknown.code == ExitCode::kInvalid);
  CHECK(absl::StrContains(unknown.err, "did you mean \"label.tier\"?"));
  CHECK(world.Run({"get", "cluster", "-l", "tier"}).code == ExitCode::kUsage);
  CHECK(world.Run({"get", "cluster/a", "-l", "tier=backend"}).code == ExitCode::kUsage);

  const Result deleted = world.Run({"delete", "cluster/a", "cluster/b"});
  CHECK(deleted.out ==
        "plan  +0 create  ~0 update  -2 delete  =0 unchanged\nrevision 2 committed\n");
  const Result none = world.Run({"get", "cluster"});
  CHECK(none.code == ExitCode::kDone);
  CHECK(none.err == "nothing found\n");
}

TEST_CASE("a resource is shown as an object, several as a list, with nothing random but the etag") {
  World world;
  REQUIRE(world.Run({"apply", "-f", "-"}, kClusters).code == ExitCode::kDone);
  const std::string etag = absl::StrFormat("%016x-1", world.store->ReadHead()->epoch);
  const Result one = world.Run({"get", "cluster/a", "-o", "yaml"});
  // Quoted when its digits look like a number.
  CHECK(absl::StrReplaceAll(one.out, {{absl::StrCat("\"", etag, "\""), "ETAG"}, {etag, "ETAG"}}) ==
        "schemaVersion: 1\n"
        "kind: Resource\n"
        "data:\n"
        "  namespace: default\n"
        "  kind: cluster\n"
        "  name: a\n"
        "  labels:\n"
        "    tier: backend\n"
        "  spec:\n"
        "    connect_timeout: 0.250s\n"
        "    name: a\n"
        "    type: STATIC\n"
        "  source: stdin:1\n"
        "  revision: 1\n"
        "  etag: ETAG\n");
  const Result list = world.Run({"get", "cluster", "-o", "json"});
  const auto json = Json::Parse(list.out);
  REQUIRE(json.ok());
  CHECK(json->Find("kind")->text() == "ResourceList");
  CHECK(json->Find("data")->elements().size() == 2);
  const Result lines = world.Run({"get", "cluster", "-o", "jsonl"});
  CHECK(std::count(lines.out.begin(), lines.out.end(), '\n') == 2);
}

TEST_CASE("what an apply did is said to programs too") {
  World world;
  const Result result =
      world.Run({"apply", "-f", "-", "-o", "json", "--request-id", "x"}, kClusters);
  const auto json = Json::Parse(result.out);
  REQUIRE(json.ok());
  CHECK(
      json->Find("data")->Dump() ==
      R"({"outcome":"committed","revision":1,"created":2,"updated":0,"removed":0,"unchanged":0,"request_id":"x"})");
}

TEST_CASE("an error of the daemon is shown at its place in the file") {
  World world;
  const std::string file = world.File("bad.yaml",
                                      "kind: cluster\n"
                                      "name: a\n"
                                      "spec:\n"
                                      "  type: STATIC\n"
                                      "  conect_timeout: 1s\n"
                                      "---\n"
                                      "kind: cluster\n"
                                      "name: b\n"
                                      "groups: [edge]\n"
                                      "spec: { lb_policy: FASTEST }\n");
  const Result result = world.Run({"apply", "-f", file});
  CHECK(result.code == ExitCode::kInvalid);
  CHECK(result.out == "");
  CHECK_THAT(
      result.err,
      Catch::Contains("error: DIR/bad.yaml:5:3: spec.conect_timeout: ") &&
          Catch::Contains("connect_timeout") &&
          Catch::Contains("\n       DIR/bad.yaml:7: groups[0]: there is no node group \"edge\"") &&
          Catch::Contains("\n       DIR/bad.yaml:10:9: spec.lb_policy: "));
  CHECK(world.store->ReadHead()->revision == Revision{0});

  const auto envelope =
      Json::Parse(world.Run({"apply", "-f", file, "-o", "json", "--request-id", "x"}).err);
  REQUIRE(envelope.ok());
  CHECK(envelope->Find("code")->text() == "INVALID_ARGUMENT");
  CHECK(envelope->Find("field")->text() == "spec.conect_timeout");
  CHECK(envelope->Find("retryable")->text() == "false");
  CHECK(envelope->Find("request_id")->text() == "x");
}

TEST_CASE("more errors than an answer holds are counted") {
  World world;
  std::string manifests;
  for (int i = 0; i < 90; ++i) {
    absl::StrAppend(&manifests, "kind: cluster\nname: a-long-name-for-a-cluster-", i,
                    "\nspec: { conect_timeout: 1s }\n---\n");
  }
  const Result result = world.Run({"apply", "-f", "-"}, manifests);
  CHECK(result.code == ExitCode::kInvalid);
  CHECK_THAT(result.err, Catch::Contains("(and ") &&
                             Catch::Contains("\n       stdin:11:9: spec.conect_timeout: ") &&
                             Catch::Contains(" more are not shown"));
}

TEST_CASE("a file that cannot be read as manifests is refused before anything is sent") {
  World world;
  const Result result =
      world.Run({"apply", "-f", world.File("bad.yaml", "kind: clutser\nname: a\nspec: {}\n")});
  CHECK(result.code == ExitCode::kInvalid);
  CHECK_THAT(result.err, Catch::Contains("DIR/bad.yaml:1:") && Catch::Contains("cluster"));
  CHECK(world.Run({"apply", "-f", "-"}, "").code == ExitCode::kInvalid);
  CHECK(world.calls == 0);
}

TEST_CASE("a dry run writes nothing") {
  World world;
  const Result result = world.Run({"apply", "-f", "-", "--dry-run"}, kClusters);
  CHECK(result.code == ExitCode::kDone);
  CHECK(result.out ==
        "plan  +2 create  ~0 update  -0 delete  =0 unchanged\n"
        "dry run: nothing was written; the head is revision 0\n");
  CHECK(world.store->ReadHead()->revision == Revision{0});
}

TEST_CASE("errors end with the code that says what to do") {
  World world;
  REQUIRE(world.Run({"apply", "-f", "-"}, kClusters).code == ExitCode::kDone);
  CHECK(world.Run({"get", "cluster/none"}).code == ExitCode::kNotFound);
  CHECK(world.Run({"get", "clusters"}).code == ExitCode::kInvalid);
  CHECK_THAT(world.Run({"get", "clusters"}).err, Catch::Contains("did you mean \"cluster\"?"));
  CHECK(world.Run({"get", "cluster/"}).code == ExitCode::kUsage);
  CHECK(world.Run({"get"}).code == ExitCode::kUsage);
  CHECK(world.Run({"delete", "cluster"}).code == ExitCode::kUsage);
  CHECK(world.Run({"delete", "cluster/none"}).code == ExitCode::kNotFound);
  CHECK(world.Run({"delete", "cluster/a", "--expect-revision", "0"}).code == ExitCode::kConflict);
  CHECK(world.Run({"delete", "cluster/a", "--expect-revision", "x"}).code == ExitCode::kUsage);
  CHECK(world.Run({"nodes", "get", "none"}).code == ExitCode::kNotFound);
  CHECK(world.Run({"apply"}).code == ExitCode::kUsage);
  CHECK(world.store->ReadHead()->revision == Revision{1});
}

TEST_CASE("without a daemon the error says how to start one") {
  World world;
  world.Stop();
  const Result result = world.Run({"status"});
  CHECK(result.code == ExitCode::kUnavailable);
  CHECK_THAT(result.err,
             Catch::Contains("error: cannot connect to unix:DIR/admin.sock: ") &&
                 Catch::Contains("hint: is the daemon running? start it with: signalbox serve"));
  std::ofstream(world.dir.Join("admin.sock")) << "";
  CHECK(world.Run({"status"}).code == ExitCode::kUnavailable);
}

TEST_CASE("a request that gets no answer within the timeout ends as unavailable") {
  World world;
  world.on_call = [](int) { absl::SleepFor(absl::Milliseconds(400)); };
  const Result result =
      world.Run({"apply", "-f", "-", "--timeout", "100ms", "--request-id", "x"}, kClusters);
  CHECK(result.code == ExitCode::kUnavailable);
  CHECK_THAT(result.err, Catch::Contains("--request-id x"));
}

TEST_CASE("an apply whose connection breaks is asked again with the same id, and commits once") {
  World world;
  world.judge->verdict = [&](const ChangeSet&) -> absl::Status {
    if (world.judge->asked == 1) return absl::UnavailableError("the connection broke");
    return absl::OkStatus();
  };
  const Result result = world.Run({"apply", "-f", "-"}, kClusters);
  CHECK(result.code == ExitCode::kDone);
  CHECK(world.calls == 2);
  CHECK(world.store->ReadHead()->revision == Revision{1});
}

TEST_CASE("an apply that stays unavailable says how to go on") {
  World world;
  world.judge->verdict = [](const ChangeSet&) { return absl::UnavailableError("no store"); };
  const Result result = world.Run({"apply", "-f", "-", "--request-id", "x"}, kClusters);
  CHECK(result.code == ExitCode::kUnavailable);
  CHECK_THAT(result.err, Catch::Contains("error: no store") && Catch::Contains("--request-id x"));
  CHECK(world.calls == 2);
}

// Whether it begins in lower case, or with a word of capitals: "SQLite", "TLS".
bool BeginsLower(const std::string& text) {
  const std::string word = text.substr(0, text.find(' '));
  return !text.empty() && (!absl::ascii_isupper(static_cast<unsigned char>(word[0])) ||
                           std::count_if(word.begin(), word.end(), absl::ascii_isupper) > 1);
}

TEST_CASE("the help of all verbs and flags is written alike") {
  for (const Verb& verb : Verbs()) {
    INFO(verb.name);
    CHECK(absl::ascii_isupper(static_cast<unsigned char>(verb.help[0])));
    CHECK(verb.help.back() != '.');
    CHECK((verb.positionals.at_most == 0 || BeginsLower(verb.positionals.help)));
    for (const Flag& flag : verb.flags) {
      INFO(flag.name << ": " << flag.help);
      CHECK(BeginsLower(flag.help));
      CHECK(flag.help.back() != '.');
      CHECK_FALSE(absl::StrContains(flag.help, "default:"));
    }
  }
}

TEST_CASE("the fleet and the daemon are shown over the wire") {
  World world;
  CHECK_THAT(world.Run({"nodes"}).err, Catch::Contains("no proxy is connected"));
  NodeStatus node;
  node.namespace_name = "default";
  node.group = "edge";
  node.id = "edge-7";
  node.state = NodeState::kNack;
  node.revision = Revision{412};
  node.since = absl::Now();
  node.connected = absl::Now();
  node.detail = "listener/ingress: no";
  world.fleet_nodes = {node};
  CHECK_THAT(world.Run({"nodes"}).out, Catch::Contains("edge-7  edge   NACK   412 (-1)"));
  CHECK_THAT(world.Run({"nodes", "get", "edge-7"}).out,
             Catch::StartsWith("node      edge-7  group edge\n"));
  CHECK_THAT(world.Run({"status"}).out,
             Catch::StartsWith("signalbox 0.1.0  store sqlite (memory)") &&
                 Catch::Contains("proxies   1: 1 nack") &&
                 Catch::Contains("problems  1: edge-7 NACK"));
}

}  // namespace
}  // namespace signalbox::cli
