#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/log.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "server/xds/grpc/certificate.h"
#include "server/xds/grpc/xds_server.h"
#include "tests/server/xds/grpc/proxies_fixture.h"
#include "tests/testing/certificates.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_timers.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {
namespace {

constexpr char kMethod[] = "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters";

XdsBodies& Bodies() {
  static auto* const bodies = new XdsBodies();
  return *bodies;
}

void Write(const std::string& path, const std::string& text) {
  REQUIRE(WriteFileAtomically(path, text, 0600).ok());
}

// The files of a certificate in a folder of the test's, and what looks after them.
struct Files {
  Files() : clock(absl::Now()) {}

  CertificateFiles named(bool clients) const {
    return {"xds.tls", folder.Join("cert.pem"), folder.Join("key.pem"),
            clients ? folder.Join("ca.pem") : ""};
  }
  void Put(const KeyedCertificate& certificate) const {
    Write(folder.Join("key.pem"), certificate.key);
    Write(folder.Join("cert.pem"), certificate.certificate);
  }
  std::shared_ptr<ServerCertificate> Load(bool clients = false) {
    auto loaded = ServerCertificate::Load(named(clients), &timers, &clock);
    INFO(loaded.status().ToString());
    REQUIRE(loaded.ok());
    return *std::move(loaded);
  }
  void Look() {
    clock.Advance(ServerCertificate::kInterval);
    timers.Fire(clock.Monotonic());
  }

  TempDir folder;
  FakeClock clock;
  FakeTimers timers;
};

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address, const Authority& trusted,
                                         const std::optional<KeyedCertificate>& own = {}) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = trusted.certificate();
  if (own.has_value()) {
    options.pem_cert_chain = own->certificate;
    options.pem_private_key = own->key;
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(options), arguments);
}

std::string Request() {
  envoy::service::discovery::v3::DiscoveryRequest request;
  request.mutable_node()->set_id("n1");
  return request.SerializeAsString();
}

// Whether a new connection is served; if not, how it ends.
grpc::Status Ask(const std::shared_ptr<grpc::Channel>& channel) {
  RawStream stream(channel, kMethod);
  if (stream.Send(Request()) && stream.Receive().has_value()) return grpc::Status::OK;
  while (stream.Receive().has_value()) {
  }
  return stream.Finish();
}

TEST_CASE("a proxy that trusts the certificate is served over TLS, another one is not",
          "[grpc][tls]") {
  const Authority authority("one"), other("another");
  Files files;
  files.Put(authority.Issue("server"));
  Proxies proxies(&Bodies());
  proxies.Publish({{"cluster", "a", "1", {}}});
  const auto server = *XdsServer::Start("127.0.0.1:0", &proxies.services(), files.Load());
  CHECK(Ask(ChannelTo(server->address(), authority)).ok());
  CHECK(Ask(ChannelTo(server->address(), other)).error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(Ask(PlaintextChannelTo(server->address())).error_code() == grpc::StatusCode::UNAVAILABLE);
  // Who wants no certificate takes one that is shown.
  CHECK(Ask(ChannelTo(server->address(), authority, other.Issue("client"))).ok());
}

TEST_CASE("with an authority for proxies each must show a certificate of it", "[grpc][tls]") {
  const Authority servers("servers"), clients("clients"), strangers("strangers");
  Files files;
  files.Put(servers.Issue("server"));
  Write(files.folder.Join("ca.pem"), clients.certificate());
  Proxies proxies(&Bodies());
  proxies.Publish({{"cluster", "a", "1", {}}});
  const auto server = *XdsServer::Start("127.0.0.1:0", &proxies.services(), files.Load(true));
  CHECK(Ask(ChannelTo(server->address(), servers, clients.Issue("edge-1"))).ok());
  CHECK_FALSE(Ask(ChannelTo(server->address(), servers)).ok());
  CHECK_FALSE(Ask(ChannelTo(server->address(), servers, strangers.Issue("edge-1"))).ok());
  CHECK(proxies.observer().connected == 1);
}

TEST_CASE("a changed certificate concerns new connections, and open streams go on", "[grpc][tls]") {
  const Authority before("before"), after("after");
  const Authority clients_before("clients before"), clients_after("clients after");
  Files files;
  files.Put(before.Issue("server"));
  Write(files.folder.Join("ca.pem"), clients_before.certificate());
  Proxies proxies(&Bodies());
  proxies.Publish({{"cluster", "a", "1", {}}});
  const auto certificate = files.Load(true);
  const auto server = *XdsServer::Start("127.0.0.1:0", &proxies.services(), certificate);
  const auto channel = ChannelTo(server->address(), before, clients_before.Issue("edge-1"));
  RawStream stream(channel, kMethod);
  REQUIRE(stream.Send(Request()));
  envoy::service::discovery::v3::DiscoveryResponse first;
  REQUIRE(first.ParseFromString(stream.Receive().value_or("\xff")));

  files.Put(after.Issue("server"));
  Write(files.folder.Join("ca.pem"), clients_after.certificate());
  // Not before they are looked at.
  CHECK(Ask(ChannelTo(server->address(), before, clients_before.Issue("edge-1"))).ok());
  files.Look();
  CHECK(Ask(ChannelTo(server->address(), after, clients_after.Issue("edge-1"))).ok());
  CHECK_FALSE(Ask(ChannelTo(server->address(), before, clients_after.Issue("edge-1"))).ok());
  CHECK_FALSE(Ask(ChannelTo(server->address(), after, clients_before.Issue("edge-1"))).ok());

  envoy::service::discovery::v3::DiscoveryRequest ack;
  ack.set_version_info(first.version_info());
  ack.set_response_nonce(first.nonce());
  REQUIRE(stream.Send(ack.SerializeAsString()));
  proxies.Publish({{"cluster", "a", "2", {}}});
  CHECK(stream.Receive().has_value());
}

TEST_CASE("files that do not fit together leave the certificate in use", "[grpc][tls]") {
  const Authority authority("one"), next("next");
  Files files;
  files.Put(authority.Issue("server"));
  Proxies proxies(&Bodies());
  proxies.Publish({{"cluster", "a", "1", {}}});
  const auto certificate = files.Load();
  const auto server = *XdsServer::Start("127.0.0.1:0", &proxies.services(), certificate);
  // Half of a change, seen between its two writes.
  const KeyedCertificate issued = next.Issue("server");
  Write(files.folder.Join("key.pem"), issued.key);
  files.Look();
  CHECK(Ask(ChannelTo(server->address(), authority)).ok());
  CHECK(certificate->Reload().code() == absl::StatusCode::kFailedPrecondition);
  Write(files.folder.Join("cert.pem"), issued.certificate);
  files.Look();
  CHECK(Ask(ChannelTo(server->address(), next)).ok());
  // A file that is gone changes nothing either.
  REQUIRE(std::remove(files.folder.Join("key.pem").c_str()) == 0);
  files.Look();
  CHECK(Ask(ChannelTo(server->address(), next)).ok());
  CHECK(certificate->current()->subject == "CN=server");
}

TEST_CASE("what is wrong with a certificate names the option and the file", "[tls]") {
  const Authority authority("one");
  const KeyedCertificate good = authority.Issue("server"), other = authority.Issue("other");
  Files files;
  const std::string cert = files.folder.Join("cert.pem"), key = files.folder.Join("key.pem"),
                    ca = files.folder.Join("ca.pem");
  const auto error = [&](bool clients = false) {
    const auto read = files.named(clients).Read();
    CHECK(read.status().code() == absl::StatusCode::kFailedPrecondition);
    return std::string(read.status().message());
  };
  CHECK(absl::StrContains(error(), absl::StrCat("xds.tls.cert: ")));
  CHECK(absl::StrContains(error(), cert));
  Write(cert, "nothing");
  CHECK(absl::StartsWith(error(), "xds.tls.key: "));
  Write(key, "nothing");
  CHECK(error() == absl::StrCat("xds.tls.cert: ", cert, " holds no certificate in PEM form"));
  Write(cert, good.certificate);
  CHECK(error() == absl::StrCat("xds.tls.key: ", key, " holds no private key in PEM form"));
  Write(key, Encrypted(good.key));
  CHECK(absl::StartsWith(error(), absl::StrCat("xds.tls.key: ", key, " is encrypted")));
  Write(key, other.key);
  CHECK(error() ==
        absl::StrCat("xds.tls.key: ", key, " is not the key of the certificate in ", cert));
  Write(key, good.key);
  CHECK(files.named(false).Read().ok());
  CHECK(absl::StartsWith(error(true), "xds.tls.client_ca: "));
  Write(ca, good.key);
  CHECK(error(true) ==
        absl::StrCat("xds.tls.client_ca: ", ca, " holds no certificate in PEM form"));
  Write(ca, authority.certificate());
  CHECK(files.named(true).Read().ok());
}

TEST_CASE("an expired certificate is warned of, when it is read or when it expires", "[tls]") {
  const Authority authority("one");
  Files files;
  std::ostringstream lines;
  log::SetUp({.level = log::Level::kWarning, .format = log::Format::kJson, .to = &lines});
  files.Put(authority.Issue("server", absl::Now() - absl::Hours(1)));
  const auto expired = files.Load();
  CHECK(absl::StrContains(lines.str(), "the certificate has expired"));
  CHECK(absl::StrContains(lines.str(), "CN=server"));
  lines.str("");
  files.Put(authority.Issue("server", absl::Now() + absl::Hours(1)));
  files.Look();
  CHECK(lines.str() == "");
  files.clock.Advance(absl::Hours(2));
  files.Look();
  files.Look();
  const std::string told = lines.str();
  CHECK(absl::StrContains(told, "the certificate has expired"));
  CHECK(std::count(told.begin(), told.end(), '\n') == 1);
  log::SetUp({});
}

}  // namespace
}  // namespace signalbox::testing
