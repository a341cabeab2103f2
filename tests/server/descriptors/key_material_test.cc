#include "server/descriptors/key_material.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "server/descriptors/json.h"
#include "server/descriptors/kinds.h"
#include "storage/seal/sealed_types.h"
#include "tests/server/descriptors/pool.h"

namespace signalbox {
namespace {

using testing::Json;
using testing::Pool;

constexpr char kSecretType[] = "envoy.extensions.transport_sockets.tls.v3.Secret";

std::unique_ptr<google::protobuf::Message> Message(const char* type, absl::string_view json) {
  auto message = MessageFromJson(Pool(), Pool().FindMessage(type), Json(json), nullptr);
  REQUIRE(message.ok());
  return *std::move(message);
}

std::vector<std::string> PathsIn(const char* type, absl::string_view json) {
  std::vector<std::string> paths;
  for (const KeyMaterial& key : FindKeyMaterial(Pool(), *Message(type, json), 100))
    paths.push_back(key.path);
  return paths;
}

std::string Shown(const char* type, absl::string_view json) {
  const auto message = Message(type, json);
  RedactKeyMaterial(Pool(), message.get());
  return *MessageToJsonText(Pool(), *message);
}

TEST_CASE("what a secret keeps is found and redacted, whatever it is") {
  using Paths = std::vector<std::string>;
  CHECK(
      PathsIn(kSecretType, R"({"tls_certificate": {
            "certificate_chain": {"inline_string": "chain"},
            "private_key": {"inline_bytes": "a2V5"}, "password": {"inline_string": "p"}}})") ==
      Paths{"tls_certificate.private_key.inline_bytes", "tls_certificate.password.inline_string"});
  CHECK(PathsIn(kSecretType, R"({"session_ticket_keys": {"keys": [
            {"inline_string": "a"}, {"filename": "/b"}, {"inline_bytes": "Yw=="}]}})") ==
        Paths{"session_ticket_keys.keys[0].inline_string",
              "session_ticket_keys.keys[2].inline_bytes"});
  CHECK(PathsIn(kSecretType, R"({"generic_secret": {"secret": {"inline_string": "s"}}})") ==
        Paths{"generic_secret.secret.inline_string"});
  CHECK(PathsIn(kSecretType, R"({"validation_context": {
            "trusted_ca": {"inline_string": "ca"}}})") == Paths{});
  CHECK(PathsIn(kSecretType, R"({"tls_certificate": {
            "private_key": {"environment_variable": "KEY"}}})") == Paths{});

  const std::string shown = Shown(kSecretType, R"({"name": "tls", "tls_certificate": {
      "certificate_chain": {"inline_string": "chain"}, "private_key": {"inline_bytes": "a2V5"}}})");
  CHECK_THAT(shown, Catch::Contains("chain") && Catch::Contains("tls") &&
                        Catch::Contains(R"("inline_string":"[redacted]")") &&
                        !Catch::Contains("a2V5"));
}

TEST_CASE("key material is found in nested messages and as a key's text anywhere") {
  const char cluster[] = "envoy.config.cluster.v3.Cluster";
  CHECK(PathsIn(cluster, R"({"name": "c", "transport_socket": {"name": "tls", "typed_config": {
            "@type":
              "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {"tls_certificates": [
              {"private_key": {"inline_string": "k"}}]}}}})") ==
        std::vector<std::string>{"transport_socket.typed_config.common_tls_context."
                                 "tls_certificates[0].private_key.inline_string"});
  CHECK(PathsIn(cluster, R"({"name": "c", "metadata": {"filter_metadata": {"f": {
            "k": "-----BEGIN EC PRIVATE KEY-----\nMHc"}}}})")
            .size() == 1);
  CHECK(PathsIn(cluster, R"({"name": "c", "connect_timeout": "1s"})").empty());
}

TEST_CASE("redacting once more changes nothing, and what was redacted is known again") {
  const auto message =
      Message(kSecretType, R"({"generic_secret": {"secret": {"inline_string": "s"}}})");
  RedactKeyMaterial(Pool(), message.get());
  const std::string once = SerializeDeterministic(*message);
  RedactKeyMaterial(Pool(), message.get());
  CHECK(SerializeDeterministic(*message) == once);
  const auto found = FindKeyMaterial(Pool(), *message, 10);
  REQUIRE(found.size() == 1);
  CHECK(found[0].redacted);
  CHECK(FindKeyMaterial(Pool(), *message, 0).empty());
}

TEST_CASE("the kinds that are redacted are those that are sealed") {
  for (const Kind& kind : Kinds()) CHECK(kind.secret == IsSealed(kind.name));
  for (const absl::string_view sealed : kSealedTypes) CHECK(FindKind(sealed) != nullptr);
}

}  // namespace
}  // namespace signalbox
