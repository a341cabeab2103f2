#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/xds/limits.h"
#include "server/xds/stream.h"
#include "server/xds/stream_quota.h"
#include "tests/server/xds/fixture.h"

namespace signalbox::testing {
namespace {

XdsBodies& Bodies() {
  static auto* const bodies = new XdsBodies();
  return *bodies;
}

const TestNode kNode;

// A stream and its wire.
struct Peer {
  explicit Peer(Server* server, Variant of = Variant::kSotw)
      : variant(of), stream(server->Open(of, &wire)) {}

  void Ask(const std::string& type, const std::vector<std::string>& names) {
    const std::string url = Bodies().registry().FindByShortName(type)->type_url();
    stream->OnMessage(variant == Variant::kSotw
                          ? Encode(SotwRequest{url, names, "", "", {}}, &kNode)
                          : Encode(DeltaRequest{url, names, {}, {}, "", {}}, &kNode));
  }

  const Variant variant;
  RecordingWire wire;
  std::shared_ptr<Stream> stream;
};

TEST_CASE("more requests than a client has reason for end the stream", "[stream][limits]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({});
  Peer peer(&server);
  const std::string request =
      Encode(SotwRequest{"type.googleapis.com/foo.Bar", {}, "", "", {}}, &kNode);
  for (int i = 0; i < limits::kRequestBurst; ++i) peer.stream->OnMessage(request);
  CHECK_FALSE(peer.wire.finished.has_value());
  // At the rate it may go on for ever.
  for (int i = 0; i < 100; ++i) {
    clock.Advance(absl::Seconds(1) / limits::kRequestsPerSecond);
    peer.stream->OnMessage(request);
  }
  CHECK_FALSE(peer.wire.finished.has_value());
  peer.stream->OnMessage(request);
  REQUIRE(peer.wire.finished.has_value());
  CHECK(*peer.wire.finished == absl::ResourceExhaustedError("more than 1000 requests a second"));
}

TEST_CASE("more names than any client has end the stream", "[stream][limits]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({});
  std::vector<std::string> names;
  for (size_t i = 0; i <= limits::kMaxNamesPerType; ++i) names.push_back(absl::StrCat(i));
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Peer peer(&server, variant);
    peer.Ask("endpoints", names);
    REQUIRE(peer.wire.finished.has_value());
    CHECK(peer.wire.finished->code() == absl::StatusCode::kResourceExhausted);
    CHECK(peer.wire.finished->message() == "more than 500000 names of endpoints");
  }
}

TEST_CASE("long names that add up to too much end a delta stream", "[stream][limits]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({});
  Peer peer(&server, Variant::kDelta);
  const std::string rest(limits::kMaxTokenBytes - 8, 'x');
  const size_t half = limits::kMaxNameBytesPerType / limits::kMaxTokenBytes / 2;
  for (size_t request = 0; request < 3; ++request) {
    CHECK_FALSE(peer.wire.finished.has_value());
    std::vector<std::string> names;
    for (size_t i = 0; i < half; ++i)
      names.push_back(absl::StrCat(absl::Dec(request * half + i, absl::kZeroPad8), rest));
    peer.Ask("endpoints", names);
  }
  REQUIRE(peer.wire.finished.has_value());
  CHECK(*peer.wire.finished ==
        absl::ResourceExhaustedError("more than 67108864 bytes of names of endpoints"));
}

TEST_CASE("a stream that says nothing ends after a while", "[stream][limits]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({});
  Peer silent(&server), speaking(&server);
  silent.stream->Open();
  speaking.stream->Open();
  speaking.Ask("cluster", {});
  clock.Advance(limits::kFirstRequestWithin - absl::Milliseconds(1));
  silent.stream->OnTimer();
  CHECK_FALSE(silent.wire.finished.has_value());
  clock.Advance(absl::Milliseconds(1));
  silent.stream->OnTimer();
  speaking.stream->OnTimer();
  REQUIRE(silent.wire.finished.has_value());
  CHECK(silent.wire.finished->code() == absl::StatusCode::kDeadlineExceeded);
  CHECK_FALSE(speaking.wire.finished.has_value());
}

TEST_CASE("a stream without a place ends before it says anything", "[stream][limits]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({});
  StreamQuota quota({.in_all = 1, .per_node = 1});
  StreamContext context = server.stream_context();
  context.quota = &quota;
  RecordingWire first_wire, second_wire;
  auto first = std::make_shared<Stream>(&context, server.MakeSession(Variant::kSotw), &first_wire);
  auto second =
      std::make_shared<Stream>(&context, server.MakeSession(Variant::kDelta), &second_wire);
  first->Open();
  CHECK_FALSE(first_wire.finished.has_value());
  second->Open();
  REQUIRE(second_wire.finished.has_value());
  CHECK(second_wire.finished->code() == absl::StatusCode::kResourceExhausted);
  // Its end gives the place back, though somebody still holds the stream.
  first->OnClosed();
  CHECK(quota.Take().ok());
}

}  // namespace
}  // namespace signalbox::testing
