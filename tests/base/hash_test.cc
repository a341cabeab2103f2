#include "base/hash.h"

#include <catch2/catch.hpp>

namespace signalbox {
namespace {

TEST_CASE("SHA-256 agrees with the standard's example") {
  CHECK(Sha256("abc").Hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("parts do not run into each other") {
  CHECK(Hasher().Add("ab").Add("c").Finish() != Hasher().Add("a").Add("bc").Finish());
}

TEST_CASE("the prefix is the first 16 bytes, most significant first") {
  const Digest digest = Sha256("abc");
  CHECK(absl::Uint128High64(digest.Prefix()) == 0xba7816bf8f01cfeaULL);
  CHECK(absl::Uint128Low64(digest.Prefix()) == 0x414140de5dae2223ULL);
}

}  // namespace
}  // namespace signalbox
