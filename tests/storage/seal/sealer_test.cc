#include "storage/seal/sealer.h"

#include <sodium.h>

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/hash.h"
#include "storage/model/record_hasher.h"
#include "storage/model/resource.h"
#include "storage/seal/key_file.h"
#include "storage/seal/key_id.h"
#include "storage/seal/key_ring.h"
#include "storage/seal/sealed_types.h"
#include "storage/seal/secret_bytes.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {
namespace {

using Code = absl::StatusCode;

constexpr absl::string_view kBody = "tls_certificate: private_key";

// Computed by a second implementation, in Python: key 00..1f, hash key 20..3f, nonce 40..57.
constexpr absl::string_view kGoldenId = "be80ae8d42df645b";
constexpr absl::string_view kGoldenWrapped =
    "01be80ae8d42df645b404142434445464748494a4b4c4d4e4f5051525354555657f4182753f4c55f31a7ddad9583b1"
    "4bbda28b9ff7276c65ad5208c77e35391daf5d0d3638ec17cd01613bb288c9a6e5ce";
constexpr absl::string_view kGoldenBodyHash =
    "08c5a4d0192a10db464d0c4b598aeb4dbb2f69c9ecf9262a98a63165b07756a5";
constexpr absl::string_view kGoldenSealed =
    "01be80ae8d42df645b404142434445464748494a4b4c4d4e4f5051525354555657a055762fb3850b62e692eeddcee8"
    "00a8b2cadfad653827ff355a983c245323bc89778a58f51ed3be14a04135";
constexpr absl::string_view kGoldenRecordHash =
    "8cb05d309132a62739b9b53dc63f2b6696c1a660ac830fdd0fc26a993c15617a";

SecretBytes CountingFrom(uint8_t first) {
  SecretBytes bytes(32);
  for (size_t i = 0; i < 32; ++i) bytes.data()[i] = static_cast<uint8_t>(first + i);
  return bytes;
}

std::shared_ptr<const KeyRing> RingOf(std::vector<SealKey> keys) {
  return std::make_shared<const KeyRing>("the test's keys", std::move(keys));
}

std::shared_ptr<const KeyRing> GoldenRing() {
  std::vector<SealKey> keys;
  keys.emplace_back(CountingFrom(0));
  return RingOf(std::move(keys));
}

std::shared_ptr<const KeyRing> NewRing() {
  return std::make_shared<const KeyRing>(KeyRing::InMemory());
}

std::unique_ptr<Sealer> GoldenSealer() {
  auto sealer = Sealer::WithHashKey(GoldenRing(), absl::HexStringToBytes(kGoldenWrapped));
  SB_CHECK(sealer.ok());
  return *std::move(sealer);
}

TEST_CASE("the cipher is the one of the XChaCha draft") {
  // draft-irtf-cfrg-xchacha-03, A.3.1.
  const std::string plain =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  const std::string additional = absl::HexStringToBytes("50515253c0c1c2c3c4c5c6c7");
  const std::string nonce =
      absl::HexStringToBytes("404142434445464748494a4b4c4d4e4f5051525354555657");
  const SecretBytes key = CountingFrom(0x80);
  std::string sealed(plain.size() + 16, '\0');
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  crypto_aead_xchacha20poly1305_ietf_encrypt(reinterpret_cast<unsigned char*>(sealed.data()),
                                             nullptr, bytes(plain), plain.size(), bytes(additional),
                                             additional.size(), nullptr, bytes(nonce), key.data());
  CHECK(absl::BytesToHexString(sealed) ==
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4e"
        "da7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2"
        "383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49");
}

TEST_CASE("what another implementation of the format sealed opens") {
  const auto sealer = GoldenSealer();
  CHECK(sealer->ring().active().id.Hex() == kGoldenId);
  CHECK(sealer->BodyHash(kBody).Hex() == kGoldenBodyHash);
  const auto body = sealer->Open(absl::HexStringToBytes(kGoldenSealed), sealer->BodyHash(kBody));
  REQUIRE(body.ok());
  CHECK(*body == kBody);
  CHECK(KeyIdOf(absl::HexStringToBytes(kGoldenSealed))->Hex() == kGoldenId);
  const Record record = {.body = std::string(kBody),
                         .targets = {"g1"},
                         .labels = {{"env", "prod"}},
                         .owner = "bob",
                         .source = "a.yaml:3"};
  CHECK(sealer->RecordHash(record, sealer->BodyHash(kBody)).Hex() == kGoldenRecordHash);
}

TEST_CASE("a body comes back, whatever it holds and however long it is") {
  const auto sealer = Sealer::WithNewHashKey(NewRing());
  std::mt19937 random(11);
  for (const size_t size : {0, 1, 15, 16, 17, 63, 64, 65, 1000, 4 << 20}) {
    std::string body(size, '\0');
    for (char& c : body) c = static_cast<char>(random());
    const Digest hash = sealer->BodyHash(body);
    const std::string sealed = sealer->Seal(body, hash);
    CHECK(sealed.size() == size + kSealOverhead);
    const auto opened = sealer->Open(sealed, hash);
    REQUIRE(opened.ok());
    CHECK((*opened == body));
    if (size >= 15) CHECK_FALSE(absl::StrContains(sealed, body));
  }
}

TEST_CASE("the same body sealed twice gives different bytes") {
  const auto sealer = Sealer::WithNewHashKey(NewRing());
  const Digest hash = sealer->BodyHash(kBody);
  CHECK(sealer->Seal(kBody, hash) != sealer->Seal(kBody, hash));
  CHECK(sealer->WrapHashKey() != sealer->WrapHashKey());
}

TEST_CASE("every changed bit, every cut and every byte too many is refused") {
  const auto sealer = GoldenSealer();
  const Digest hash = sealer->BodyHash(kBody);
  const std::string sealed = sealer->Seal(kBody, hash);
  const std::string wrapped = sealer->WrapHashKey();
  for (size_t i = 0; i < sealed.size() * 8; ++i) {
    std::string damaged = sealed;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    INFO(i);
    // A changed key id names a key that is not there.
    const bool in_id = i / 8 >= kKeyIdOffset && i / 8 < kKeyIdOffset + 8;
    CHECK(sealer->Open(damaged, hash).status().code() ==
          (in_id ? Code::kFailedPrecondition : Code::kDataLoss));
  }
  for (size_t i = 0; i < wrapped.size() * 8; ++i) {
    std::string damaged = wrapped;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    INFO(i);
    CHECK_FALSE(Sealer::WithHashKey(GoldenRing(), damaged).ok());
  }
  for (size_t size = 0; size < sealed.size(); ++size) {
    INFO(size);
    CHECK(sealer->Open(absl::string_view(sealed).substr(0, size), hash).status().code() ==
          Code::kDataLoss);
    const auto cut = Sealer::WithHashKey(GoldenRing(), absl::string_view(wrapped).substr(0, size));
    CHECK((cut.ok() == (size >= wrapped.size())));
  }
  CHECK(sealer->Open(sealed + "x", hash).status().code() == Code::kDataLoss);
  CHECK(Sealer::WithHashKey(GoldenRing(), wrapped + "x").status().code() == Code::kDataLoss);
}

TEST_CASE("a body opens under its own hash only") {
  const auto sealer = GoldenSealer();
  const Digest hash = sealer->BodyHash(kBody);
  const std::string sealed = sealer->Seal(kBody, hash);
  const auto opened = sealer->Open(sealed, sealer->BodyHash("another body"));
  CHECK(opened.status().code() == Code::kDataLoss);
  CHECK(opened.status().message() ==
        "its sealed body does not open: it is damaged, or belongs to another record");
  // Not even when it was sealed under that hash by mistake.
  const Digest wrong = sealer->BodyHash("wrong");
  CHECK(sealer->Open(sealer->Seal(kBody, wrong), wrong).status().code() == Code::kDataLoss);
}

TEST_CASE("bytes sealed as a body are no hash key, nor the other way round") {
  const auto sealer = GoldenSealer();
  const std::string body(32, 'k');
  CHECK(Sealer::WithHashKey(GoldenRing(), sealer->Seal(body, sealer->BodyHash(body)))
            .status()
            .code() == Code::kDataLoss);
  CHECK(sealer->Open(sealer->WrapHashKey(), sealer->BodyHash(body)).status().code() ==
        Code::kDataLoss);
}

TEST_CASE("without its key nothing opens, and the key is named") {
  const auto sealer = GoldenSealer();
  const Digest hash = sealer->BodyHash(kBody);
  const std::string sealed = sealer->Seal(kBody, hash);
  const auto other = sealer->WithRing(NewRing());
  const auto opened = other->Open(sealed, hash);
  CHECK(opened.status().code() == Code::kFailedPrecondition);
  CHECK(opened.status().message() ==
        absl::StrCat("its sealed body is sealed with key ", kGoldenId,
                     ", which is not in this process's memory (it has ",
                     other->ring().active().id.Hex(),
                     "): bring back the key file that has it, from a copy or another instance"));
  CHECK(Sealer::WithHashKey(NewRing(), sealer->WrapHashKey()).status().code() ==
        Code::kFailedPrecondition);
}

TEST_CASE("another key under the same id does not open") {
  const auto sealer = GoldenSealer();
  const Digest hash = sealer->BodyHash(kBody);
  const std::string sealed = sealer->Seal(kBody, hash);
  SealKey forged = SealKey::Random();
  forged.id = sealer->ring().active().id;
  std::vector<SealKey> keys;
  keys.push_back(std::move(forged));
  const auto ring = RingOf(std::move(keys));
  CHECK(sealer->WithRing(ring)->Open(sealed, hash).status().code() == Code::kDataLoss);
  CHECK(Sealer::WithHashKey(ring, sealer->WrapHashKey()).status().code() == Code::kDataLoss);
}

TEST_CASE("hashes depend on the hash key, the content and what is hashed, not on the ring") {
  const auto sealer = Sealer::WithNewHashKey(NewRing());
  const auto other = Sealer::WithNewHashKey(NewRing());
  const Digest hash = sealer->BodyHash(kBody);
  CHECK(hash == sealer->WithRing(NewRing())->BodyHash(kBody));
  CHECK(hash != other->BodyHash(kBody));
  CHECK(hash != Sha256(kBody));
  CHECK(hash != sealer->BodyHash("tls_certificate: private_kez"));

  const Record record = {.body = std::string(kBody), .labels = {{"a", "b"}}};
  Record labelled = record;
  labelled.labels["a"] = "c";
  CHECK(sealer->RecordHash(record, hash) != sealer->RecordHash(labelled, hash));
  CHECK(sealer->RecordHash(record, hash) != sealer->RecordHash(record, sealer->BodyHash("")));
  CHECK(sealer->RecordHash(record, hash) != record.Hash(hash));
  CHECK(sealer->RecordHash(record, hash) != other->RecordHash(record, hash));
  CHECK(sealer->RequestHash(hash) != sealer->BodyHash(hash.View()));
  CHECK(sealer->RequestHash(hash) != other->RequestHash(hash));
}

TEST_CASE("a rotation opens what was sealed before and seals with the new key") {
  TempDir directory;
  const KeyFile file(directory.Join("secrets.key"));
  const auto ring = [](absl::StatusOr<KeyRing> read) {
    SB_CHECK(read.ok());
    return std::make_shared<const KeyRing>(*std::move(read));
  };
  const auto before = Sealer::WithNewHashKey(ring(file.ReadOrMake()));
  const KeyId first = before->ring().active().id;
  const std::string wrapped = before->WrapHashKey();
  const Digest hash = before->BodyHash(kBody);
  const std::string sealed = before->Seal(kBody, hash);

  const auto between = before->WithRing(ring(file.Rotate()));
  const KeyId second = between->ring().active().id;
  CHECK(*between->Open(sealed, hash) == kBody);
  const auto resealed = between->Reseal(sealed, hash);
  REQUIRE(resealed.ok());
  CHECK(KeyIdOf(sealed) == first);
  CHECK(KeyIdOf(*resealed) == second);
  CHECK(KeyIdOf(between->WrapHashKey()) == second);

  const auto after = Sealer::WithHashKey(ring(file.Retire(first)), between->WrapHashKey());
  REQUIRE(after.ok());
  CHECK((*after)->BodyHash(kBody) == hash);
  CHECK(*(*after)->Open(*resealed, hash) == kBody);
  CHECK((*after)->Open(sealed, hash).status().code() == Code::kFailedPrecondition);
  CHECK((*after)->Reseal(sealed, hash).status().code() == Code::kFailedPrecondition);
  CHECK(Sealer::WithHashKey(ring(file.Read()), wrapped).status().code() ==
        Code::kFailedPrecondition);
}

TEST_CASE("without any key records are read, but for sealed bodies") {
  const auto sealer = GoldenSealer();
  const Record record = {.body = std::string(kBody), .labels = {{"a", "b"}}};
  const ResourceKey secret = {.namespace_name = "n", .type = "secret", .name = "x"};
  const ResourceKey cluster = {.namespace_name = "n", .type = "cluster", .name = "x"};
  Record restored = {.labels = record.labels};
  const RecordHashes hashes = sealer->HashesOf("secret", record);
  CHECK(RestoreRecord(nullptr, secret, sealer->Seal(kBody, hashes.body), hashes, &restored).ok());
  CHECK(restored.body.empty());
  CHECK(RestoreRecord(nullptr, secret, kBody, hashes, &restored).code() == Code::kDataLoss);
  const RecordHashes plain = PlainHasher().HashesOf("cluster", record);
  CHECK(RestoreRecord(nullptr, cluster, kBody, plain, &restored).ok());
  CHECK(restored == record);
  CHECK(RestoreRecord(nullptr, cluster, "other", plain, &restored).code() == Code::kDataLoss);
}

TEST_CASE("bytes that were never sealed have no key id") {
  CHECK(KeyIdOf("") == std::nullopt);
  CHECK(KeyIdOf(std::string(kSealOverhead, '\0')) == std::nullopt);
  CHECK(KeyIdOf(std::string(kSealOverhead - 1, '\1')) == std::nullopt);
  CHECK(KeyIdOf(std::string(kSealOverhead, '\1'))->Hex() == "0101010101010101");
}

TEST_CASE("random bytes never open and never crash") {
  const auto sealer = GoldenSealer();
  const std::string sealed = sealer->Seal(kBody, sealer->BodyHash(kBody));
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = sealed;
    bytes.resize(random() % (2 * sealed.size()));
    for (size_t i = 0; i < bytes.size(); ++i) {
      // Often with the right format and key id, so that more than the first check is met.
      if (i >= 9 || round % 2 == 0) bytes[i] = static_cast<char>(random());
    }
    CHECK_FALSE(sealer->Open(bytes, sealer->BodyHash(kBody)).ok());
    CHECK_FALSE(Sealer::WithHashKey(GoldenRing(), bytes).ok());
  }
}

TEST_CASE("secrets are sealed, other types are not") {
  CHECK(IsSealed("secret"));
  for (const absl::string_view type : {"", "cluster", "listener", "secrets", "Secret", "secre"}) {
    CHECK_FALSE(IsSealed(type));
  }
}

TEST_CASE("a secret's hashes are keyed, those of other types are plain") {
  const auto sealer = GoldenSealer();
  const Record record = {.body = std::string(kBody), .labels = {{"a", "b"}}};
  const RecordHashes secret = sealer->HashesOf("secret", record);
  CHECK(secret.body == sealer->BodyHash(kBody));
  CHECK(secret.record == sealer->RecordHash(record, secret.body));
  const RecordHashes cluster = sealer->HashesOf("cluster", record);
  CHECK(cluster.body == Sha256(kBody));
  CHECK(cluster.record == record.Hash());
  CHECK(cluster.record == PlainHasher().HashesOf("cluster", record).record);
}

TEST_CASE("a record comes back as it was stored, a secret sealed, others as they are") {
  const auto sealer = GoldenSealer();
  const Record record = {.body = std::string(kBody), .labels = {{"a", "b"}}};
  for (const absl::string_view type : {"secret", "cluster"}) {
    const ResourceKey key = {.namespace_name = "n", .type = std::string(type), .name = "x"};
    const RecordHashes hashes = sealer->HashesOf(type, record);
    std::string buffer;
    const std::string stored(sealer->Stored(type, record.body, hashes.body, &buffer));
    CHECK(absl::StrContains(stored, kBody) == (type == "cluster"));
    Record restored = {.labels = record.labels};
    REQUIRE(RestoreRecord(sealer.get(), key, stored, hashes, &restored).ok());
    CHECK(restored == record);

    const auto refused = [&](const std::string& bytes, const RecordHashes& under, Record rest) {
      const absl::Status status = RestoreRecord(sealer.get(), key, bytes, under, &rest);
      CHECK(status.code() == Code::kDataLoss);
      CHECK(absl::StartsWith(status.message(), absl::StrCat("n/", type, "/x")));
    };
    const Record rest = {.labels = record.labels};
    std::string damaged = stored;
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    refused(damaged, hashes, rest);
    refused(stored, {.body = sealer->BodyHash("y"), .record = hashes.record}, rest);
    refused(stored, {.body = hashes.body, .record = sealer->BodyHash("y")}, rest);
    refused(stored, hashes, {.labels = {{"a", "c"}}});
  }
  // A secret that lies there unsealed is not taken for one.
  Record rest = {.labels = record.labels};
  CHECK(RestoreRecord(sealer.get(), {.namespace_name = "n", .type = "secret", .name = "x"}, kBody,
                      sealer->HashesOf("secret", record), &rest)
            .code() == Code::kDataLoss);
}

}  // namespace
}  // namespace signalbox::testing
