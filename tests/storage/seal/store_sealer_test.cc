#include "storage/seal/store_sealer.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/files.h"
#include "base/hash.h"
#include "storage/seal/key_file.h"
#include "storage/seal/key_id.h"
#include "storage/seal/key_ring.h"
#include "storage/seal/sealer.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {
namespace {

using Code = absl::StatusCode;

constexpr absl::string_view kBody = "tls_certificate: private_key";

std::unique_ptr<StoreSealer> NewSealer(const std::string& key_file) {
  auto sealer = StoreSealer::Open(key_file, std::nullopt);
  SB_CHECK(sealer.ok());
  return *std::move(sealer);
}

TEST_CASE("a new store makes its key file, an old one needs it") {
  TempDir directory;
  const std::string path = directory.Join("secrets.key");
  const auto first = StoreSealer::Open(path, std::nullopt);
  REQUIRE(first.ok());
  const std::string wrapped = (*first)->Current()->WrapHashKey();
  const auto again = StoreSealer::Open(path, wrapped);
  REQUIRE(again.ok());
  CHECK((*again)->Current()->BodyHash(kBody) == (*first)->Current()->BodyHash(kBody));

  const std::string elsewhere = directory.Join("other.key");
  const auto missing = StoreSealer::Open(elsewhere, wrapped);
  CHECK(missing.status().code() == Code::kFailedPrecondition);
  CHECK(absl::StrContains(missing.status().message(),
                          absl::StrCat("there is no key file ", elsewhere)));
  CHECK_FALSE(ReadFile(elsewhere, 1000).ok());  // it is not made

  REQUIRE(KeyFile(elsewhere).ReadOrMake().ok());
  const auto wrong = StoreSealer::Open(elsewhere, wrapped);
  CHECK(wrong.status().code() == Code::kFailedPrecondition);
  CHECK(absl::StartsWith(wrong.status().message(),
                         absl::StrCat("the store's hash key is sealed with key ",
                                      (*first)->Current()->ring().active().id.Hex(),
                                      ", which is not in the key file ", elsewhere)));
}

TEST_CASE("the keys of a store, on a file and in memory, are rotated while it is open") {
  TempDir directory;
  for (const std::string& path : {std::string(), directory.Join("secrets.key")}) {
    INFO(path);
    const auto sealer = NewSealer(path);
    const auto before = sealer->Current();
    const Digest hash = before->BodyHash(kBody);
    const std::string sealed = before->Seal(kBody, hash);
    const auto after = sealer->Rotate();
    REQUIRE(after.ok());
    CHECK(sealer->Current() == *after);
    CHECK((*after)->ring().ids().size() == 2);
    CHECK((*after)->ring().active().id != before->ring().active().id);
    CHECK((*after)->BodyHash(kBody) == hash);
    CHECK(*(*after)->Open(sealed, hash) == kBody);
    CHECK(KeyIdOf((*after)->Seal(kBody, hash)) == (*after)->ring().active().id);
    // Who holds the old one may go on.
    CHECK(*before->Open(sealed, hash) == kBody);
    CHECK(sealer->Reload().ok());
    CHECK(sealer->Current()->ring().ids() == (*after)->ring().ids());
  }
}

TEST_CASE("a key that another program added is there after a reload") {
  TempDir directory;
  const std::string path = directory.Join("secrets.key");
  const auto sealer = NewSealer(path);
  const auto added = KeyFile(path).Rotate();
  REQUIRE(added.ok());
  CHECK(sealer->Current()->ring().ids().size() == 1);
  REQUIRE(sealer->Reload().ok());
  CHECK(sealer->Current()->ring().ids() == added->ids());
}

TEST_CASE("a key file that went away or is damaged changes nothing in an open store") {
  TempDir directory;
  const std::string path = directory.Join("secrets.key");
  const auto sealer = NewSealer(path);
  const auto before = sealer->Current();
  REQUIRE(WriteFileAtomically(path, "nonsense", 0600).ok());
  CHECK(sealer->Reload().status().code() == Code::kDataLoss);
  CHECK(sealer->Rotate().status().code() == Code::kDataLoss);
  REQUIRE(::unlink(path.c_str()) == 0);
  CHECK(sealer->Reload().status().code() == Code::kFailedPrecondition);
  CHECK(sealer->Rotate().status().code() == Code::kFailedPrecondition);
  CHECK(sealer->Current() == before);
}

}  // namespace
}  // namespace signalbox::testing
