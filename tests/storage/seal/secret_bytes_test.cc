#include "storage/seal/secret_bytes.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <type_traits>
#include <utility>

namespace signalbox {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);

TEST_CASE("new secret bytes are zeros") {
  const SecretBytes bytes(100);
  REQUIRE(bytes.size() == 100);
  CHECK(std::all_of(bytes.data(), bytes.data() + 100, [](uint8_t byte) { return byte == 0; }));
  CHECK(SecretBytes().View().empty());
  CHECK(SecretBytes(0).View().empty());
}

TEST_CASE("moving leaves nothing behind") {
  SecretBytes from = SecretBytes::CopyOf("a key");
  SecretBytes to = std::move(from);
  CHECK(to.View() == "a key");
  CHECK(from.size() == 0);  // NOLINT(bugprone-use-after-move): what is left is the point
  SecretBytes other = SecretBytes::CopyOf("another");
  other = std::move(to);
  CHECK(other.View() == "a key");
}

TEST_CASE("secret bytes are equal when their bytes are") {
  CHECK(SecretBytes::CopyOf("abc") == SecretBytes::CopyOf("abc"));
  CHECK(SecretBytes() == SecretBytes(0));
  CHECK_FALSE(SecretBytes::CopyOf("abc") == SecretBytes::CopyOf("abd"));
  CHECK_FALSE(SecretBytes::CopyOf("abc") == SecretBytes::CopyOf("abcd"));
  CHECK_FALSE(SecretBytes::Random(32) == SecretBytes::Random(32));
}

}  // namespace
}  // namespace signalbox
