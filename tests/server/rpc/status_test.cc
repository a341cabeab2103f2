#include "server/rpc/status.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/error_details.h"
#include "catch2/catch.hpp"

namespace signalbox {
namespace {

absl::Status ThereAndBack(const absl::Status& status) { return FromGrpc(ToGrpc(status)); }

TEST_CASE("every code of a status crosses gRPC as itself", "[rpc]") {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), code == 0 ? "" : "text");
    const absl::Status back = ThereAndBack(status);
    CHECK(back.code() == status.code());
    CHECK(back.message() == status.message());
    CHECK(static_cast<int>(ToGrpc(status).error_code()) == code);
  }
}

TEST_CASE("field violations and the reason cross gRPC", "[rpc]") {
  const absl::Status status = WithReason(InvalidFields({{"resources[0].kind", "is unknown", ""},
                                                        {"resources[1].name", "is missing", ""}}),
                                         "WRONG");
  CHECK(status.message() == "resources[0].kind: is unknown (and 1 more)");
  const absl::Status back = ThereAndBack(status);
  CHECK(back.code() == absl::StatusCode::kInvalidArgument);
  CHECK(back.message() == status.message());
  CHECK(ViolationsOf(back) == ViolationsOf(status));
  CHECK(ReasonOf(back) == "WRONG");
}

TEST_CASE("a violation's subject crosses gRPC as a part of its description", "[rpc]") {
  const std::vector<FieldViolation> back =
      ViolationsOf(ThereAndBack(InvalidFields({{"spec", "is wrong", "default/cluster/a"}})));
  REQUIRE(back.size() == 1);
  CHECK(back[0] == FieldViolation{"spec", "default/cluster/a: is wrong", ""});
}

TEST_CASE("errors too large for a header are cut, and say so", "[rpc]") {
  std::vector<FieldViolation> violations;
  for (int i = 0; i < 5000; ++i)
    violations.push_back({absl::StrCat("resources[", i, "].spec"), "is wrong", ""});
  const absl::Status status =
      WithViolations(absl::InvalidArgumentError(std::string(100000, 'm')), violations);
  const grpc::Status sent = ToGrpc(status);
  CHECK(sent.error_message().size() <= kMaxErrorMessageBytes);
  CHECK(sent.error_details().size() <= kMaxErrorDetailBytes);
  const std::vector<FieldViolation> back = ViolationsOf(FromGrpc(sent));
  REQUIRE(back.size() > 20);
  CHECK(back[0] == violations[0]);
  CHECK(back.back().description == absl::StrCat(5001 - back.size(), " more are not shown"));
}

TEST_CASE("a text is cut between characters", "[rpc]") {
  std::string text = "x";
  while (text.size() < 3000) text += "ä";
  const std::string sent = ToGrpc(absl::InternalError(text)).error_message();
  CHECK(sent.size() <= kMaxErrorMessageBytes);
  CHECK(sent.substr(sent.size() - 5) == "ä…");
}

TEST_CASE("details that cannot be read leave code and text", "[rpc]") {
  const absl::Status back =
      FromGrpc(grpc::Status(grpc::StatusCode::ABORTED, "text", "\xff\xff garbage"));
  CHECK(back == absl::AbortedError("text"));
}

}  // namespace
}  // namespace signalbox
