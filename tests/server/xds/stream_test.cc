#include "server/xds/stream.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/xds/limits.h"
#include "tests/server/xds/fixture.h"

namespace signalbox::testing {
namespace {

XdsBodies& Bodies() {
  static auto* const bodies = new XdsBodies();
  return *bodies;
}

Server::Edit Put(const std::string& type, const std::string& name, const std::string& tag) {
  return {{type, name, tag, {}}, false};
}

// One stream, of all types or of one, and what its client does by hand.
struct Peer {
  explicit Peer(Server* server, Variant of = Variant::kSotw, const std::string& only = "")
      : variant(of), stream(server->Open(of, &wire, only.empty() ? "" : Url(only))) {}

  static std::string Url(const std::string& type) {
    return Bodies().registry().FindByShortName(type)->type_url();
  }

  void Ask(const std::string& type, const std::vector<std::string>& names, const TestNode* node) {
    stream->OnMessage(variant == Variant::kSotw
                          ? Encode(SotwRequest{Url(type), names, "", "", {}}, node)
                          : Encode(DeltaRequest{Url(type), names, {}, {}, "", {}}, node));
  }
  void Answer(const Message& message, const std::vector<std::string>& names,
              const std::optional<std::string>& error) {
    const std::string url = message.type->type_url();
    stream->OnMessage(
        variant == Variant::kSotw
            ? Encode(SotwRequest{url, names, message.nonce, message.version, error}, nullptr)
            : Encode(DeltaRequest{url, {}, {}, {}, message.nonce, error}, nullptr));
  }
  // The write in flight; it stays there until Written.
  std::optional<Message> Look() {
    if (!wire.in_flight.has_value()) return std::nullopt;
    return ReadResponse(variant, *wire.in_flight, Bodies(), &wire.violations);
  }
  void Written() {
    wire.in_flight.reset();
    stream->OnWriteDone(true);
  }
  std::optional<Message> Take() {
    std::optional<Message> message = Look();
    if (message.has_value()) Written();
    return message;
  }

  const Variant variant;
  RecordingWire wire;
  std::shared_ptr<Stream> stream;
};

const TestNode kNode;

TEST_CASE("a first request without a node ends the stream", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1")});
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Peer peer(&server, variant);
    peer.Ask("cluster", {}, nullptr);
    REQUIRE(peer.wire.finished.has_value());
    CHECK(peer.wire.finished->code() == absl::StatusCode::kInvalidArgument);
    Peer empty(&server, variant);
    const TestNode nameless{"", "envoy", "1.40.0"};
    empty.Ask("cluster", {}, &nameless);
    REQUIRE(empty.wire.finished.has_value());
    CHECK(empty.wire.finished->code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(server.observer().connected == 0);
  CHECK(server.fleet().List().empty());
}

TEST_CASE("bytes that are no request end the stream", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({});
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    for (const std::string& bytes : {std::string("\xff\xff\xff\xff"), std::string(1000, '\x12'),
                                     std::string("GET / HTTP/1.1")}) {
      Peer peer(&server, variant);
      peer.stream->OnMessage(bytes);
      REQUIRE(peer.wire.finished.has_value());
      CHECK(peer.wire.finished->code() == absl::StatusCode::kInvalidArgument);
    }
  }
}

TEST_CASE("names and versions of a length that none of ours has end the stream (XDS R-abuse)",
          "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({});
  const std::string longest(limits::kMaxTokenBytes, 'x'), longer(limits::kMaxTokenBytes + 1, 'x');
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Peer peer(&server, variant);
    peer.Ask("cluster", {longest}, &kNode);
    CHECK_FALSE(peer.wire.finished.has_value());
    Peer over(&server, variant);
    over.Ask("cluster", {longer}, &kNode);
    REQUIRE(over.wire.finished.has_value());
    CHECK(over.wire.finished->code() == absl::StatusCode::kInvalidArgument);
    Peer node(&server, variant);
    const TestNode boundless{"n", longer, ""};
    node.Ask("cluster", {}, &boundless);
    REQUIRE(node.wire.finished.has_value());
    CHECK(node.wire.finished->code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("before a configuration is loaded a stream ends without a response", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Peer peer(&server, variant);
    peer.Ask("cluster", {}, &kNode);
    REQUIRE(peer.wire.finished.has_value());
    CHECK(peer.wire.finished->code() == absl::StatusCode::kUnavailable);
    CHECK_FALSE(peer.wire.in_flight.has_value());
    peer.stream->OnClosed();
  }
  CHECK(server.observer().writes == 0);
  CHECK(server.fleet().List().empty());
}

// What is published, as of a revision and a store that somebody vouched for, or nobody did.
void PublishAt(Server* server, int64_t revision, bool unproven, bool empty) {
  auto snapshot = std::make_shared<Snapshot>(*server->snapshot());
  snapshot->revision = Revision{revision};
  snapshot->unproven = unproven;
  if (empty) snapshot->types.assign(snapshot->types.size(), TypeSet::Empty());
  server->cache().Publish(snapshot);
}

TEST_CASE("a database that was set back is told, though its revision is lower", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1")});
  const SnapshotPtr first = server.snapshot();
  server.Publish({Put("cluster", "a", "2"), Put("cluster", "b", "1")});
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    server.cache().Publish(server.snapshot());
    Peer peer(&server, variant);
    peer.Ask("cluster", {}, &kNode);
    const std::optional<Message> both = peer.Take();
    REQUIRE(both.has_value());
    CHECK(both->resources.size() == 2);
    peer.Answer(*both, {}, std::nullopt);
    server.cache().Publish(first);
    const std::optional<Message> back = peer.Take();
    REQUIRE(back.has_value());
    CHECK(back->resources.at("a") == "1");
    peer.Answer(*back, {}, std::nullopt);
    // The same content once more, as of another revision, is nothing new.
    auto again = std::make_shared<Snapshot>(*first);
    again->revision = Revision{9};
    server.cache().Publish(again);
    if (const std::optional<Message> more = peer.Take()) {
      // A removal that waited for the acknowledgement, at most.
      CHECK(more->resources.count("b") == 0);
      CHECK(more->removed == std::vector<std::string>{"b"});
    }
    CHECK_FALSE(peer.Take().has_value());
    CHECK(peer.wire.violations.empty());
    peer.stream->OnClosed();
  }
}

TEST_CASE("of a store that is empty by mistake, perhaps, a client that has something hears nothing",
          "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1")});
  const std::string url = Bodies().registry().FindByShortName("cluster")->type_url();
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    PublishAt(&server, 0, /*unproven=*/true, /*empty=*/true);
    Peer fresh(&server, variant);
    fresh.Ask("cluster", {}, &kNode);
    const std::optional<Message> nothing = fresh.Take();
    REQUIRE(nothing.has_value());
    CHECK(nothing->resources.empty());

    Peer has(&server, variant);
    has.stream->OnMessage(variant == Variant::kSotw
                              ? Encode(SotwRequest{url, {}, "", "v7", {}}, &kNode)
                              : Encode(DeltaRequest{url, {}, {}, {{"old", "v7"}}, "", {}}, &kNode));
    CHECK_FALSE(has.Take().has_value());
    clock.Advance(absl::Hours(1));
    has.stream->OnTimer();
    CHECK_FALSE(has.Take().has_value());
    CHECK(has.stream->Status().state == NodeState::kHeld);

    // Somebody said that it is meant.
    PublishAt(&server, 0, /*unproven=*/false, /*empty=*/true);
    const std::optional<Message> told = has.Take();
    REQUIRE(told.has_value());
    CHECK(told->type->type_url() == url);
    CHECK(told->resources.empty());
    if (variant == Variant::kDelta) CHECK(told->removed == std::vector<std::string>{"old"});
    for (Peer* peer : {&fresh, &has}) peer->stream->OnClosed();
  }
}

TEST_CASE("one write is in flight at a time", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1"), Put("endpoints", "a", "1"), Put("route", "r", "1")});
  Peer peer(&server);
  peer.Ask("cluster", {}, &kNode);
  peer.Ask("endpoints", {"a"}, nullptr);
  peer.Ask("route", {"r"}, nullptr);
  std::vector<std::string> order;
  while (const auto message = peer.Take()) order.emplace_back(message->type->short_name());
  CHECK(order == std::vector<std::string>{"cluster", "endpoints", "route"});
  CHECK(peer.wire.violations.empty());
}

TEST_CASE("a client that does not read leaves one response, however much comes (XDS S-17)",
          "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "0")});
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Peer peer(&server, variant);
    peer.Ask("cluster", {}, &kNode);
    const auto first = peer.Take();
    REQUIRE(first.has_value());
    peer.Answer(*first, {}, {});
    const int writes = server.observer().writes;
    for (int i = 1; i <= 1000; ++i)
      server.Publish({Put("cluster", "a", absl::StrCat(static_cast<int>(variant), "-", i))});
    // The first of them is being written; time does not change that.
    CHECK(server.observer().writes == writes + 1);
    clock.Advance(absl::Minutes(10));
    server.timers().Fire(clock.Now());
    CHECK(server.observer().writes == writes + 1);
    const auto second = peer.Take();
    REQUIRE(second.has_value());
    CHECK(second->resources.at("a") == absl::StrCat(static_cast<int>(variant), "-1"));
    // It was unanswered for too long already: the newest follows at once, or when it is answered.
    std::optional<Message> third = peer.Take();
    if (!third.has_value()) {
      peer.Answer(*second, {}, {});
      third = peer.Take();
    }
    REQUIRE(third.has_value());
    CHECK(third->resources.at("a") == absl::StrCat(static_cast<int>(variant), "-1000"));
    peer.Answer(*third, {}, {});
    CHECK_FALSE(peer.Take().has_value());
    CHECK(peer.wire.violations.empty());
    peer.stream->OnClosed();
  }
}

TEST_CASE("nothing is started after the end", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1")});
  Peer peer(&server);
  peer.Ask("cluster", {}, &kNode);
  const auto first = peer.Look();
  REQUIRE(first.has_value());
  peer.stream->Close(absl::UnavailableError("going away"));
  REQUIRE(peer.wire.finished.has_value());
  CHECK(peer.wire.finished->code() == absl::StatusCode::kUnavailable);
  peer.Written();
  server.Publish({Put("cluster", "a", "2")});
  peer.Answer(*first, {}, {});
  peer.stream->OnReadsDone();
  peer.stream->Close(absl::OkStatus());
  clock.Advance(absl::Hours(1));
  server.timers().Fire(clock.Now());
  peer.stream->OnClosed();
  server.Publish({Put("cluster", "a", "3")});
  peer.stream->OnMessage("\xff");
  CHECK(peer.wire.violations.empty());
  CHECK_FALSE(peer.wire.in_flight.has_value());
}

TEST_CASE("a client that sends no more is told goodbye", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({});
  Peer peer(&server);
  peer.Ask("cluster", {}, &kNode);
  peer.Take();
  peer.stream->OnReadsDone();
  REQUIRE(peer.wire.finished.has_value());
  CHECK(peer.wire.finished->ok());
}

TEST_CASE("a write that failed starts no other", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1"), Put("endpoints", "a", "1")});
  Peer peer(&server);
  peer.Ask("cluster", {}, &kNode);
  peer.Ask("endpoints", {"a"}, nullptr);
  peer.wire.in_flight.reset();
  peer.stream->OnWriteDone(false);
  CHECK_FALSE(peer.wire.in_flight.has_value());
  server.Publish({Put("cluster", "a", "2")});
  CHECK_FALSE(peer.wire.in_flight.has_value());
  peer.stream->OnClosed();
}

TEST_CASE("the timer sends what an unanswered response held up", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1")});
  Peer peer(&server);
  peer.Ask("cluster", {}, &kNode);
  REQUIRE(peer.Take().has_value());
  CHECK(server.timers().NextDue() == absl::InfiniteFuture());
  server.Publish({Put("cluster", "a", "2")});
  CHECK(server.timers().NextDue() == clock.Now() + absl::Seconds(2));
  // Asking again and again arranges no further call.
  const int calls = server.timers().calls();
  for (int i = 3; i < 50; ++i) server.Publish({Put("cluster", "a", absl::StrCat(i))});
  CHECK(server.timers().calls() == calls);
  clock.Advance(absl::Seconds(2));
  server.timers().Fire(clock.Now());
  const auto message = peer.Take();
  REQUIRE(message.has_value());
  CHECK(message->resources.at("a") == "49");
  // A call of an earlier arrangement that comes late does no harm.
  peer.stream->OnTimer();
  CHECK_FALSE(peer.wire.in_flight.has_value());
}

TEST_CASE("a call that is arranged for later is not arranged anew after an earlier one",
          "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1"), Put("endpoints", "e", "1")});
  Peer peer(&server);
  peer.Ask("cluster", {}, &kNode);
  const std::optional<Message> clusters = peer.Take();
  REQUIRE(clusters.has_value());
  peer.Answer(*clusters, {}, std::nullopt);
  peer.Ask("endpoints", {"e"}, nullptr);
  REQUIRE(peer.Take().has_value());
  peer.Ask("route", {"r"}, nullptr);
  // The cluster is not acknowledged: the route waits for it, at most 20 s.
  server.Publish({Put("cluster", "b", "1"), {{"route", "r", "1", {"b"}}, false}});
  REQUIRE(peer.Take().has_value());
  const absl::Time far = clock.Now() + absl::Seconds(20);
  CHECK(server.timers().NextDue() == far);
  server.Publish({Put("endpoints", "e", "2")});
  CHECK(server.timers().NextDue() == clock.Now() + absl::Seconds(2));
  const int calls = server.timers().calls();
  clock.Advance(absl::Seconds(2));
  server.timers().Fire(clock.Now());
  REQUIRE(peer.Take().has_value());
  CHECK(server.timers().NextDue() == far);
  CHECK(server.timers().calls() == calls);
  clock.Advance(far - clock.Now());
  server.timers().Fire(clock.Now());
  const std::optional<Message> route = peer.Take();
  REQUIRE(route.has_value());
  CHECK(route->resources.contains("r"));
}

TEST_CASE("a stream that is gone is neither woken nor kept alive", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1")});
  std::weak_ptr<Stream> gone;
  {
    Peer peer(&server);
    peer.Ask("cluster", {}, &kNode);
    peer.Take();
    server.Publish({Put("cluster", "a", "2")});
    gone = peer.stream;
    peer.stream->OnClosed();
  }
  CHECK(gone.expired());
  CHECK(server.timers().NextDue() == absl::InfiniteFuture());
  server.Publish({Put("cluster", "a", "3")});
}

TEST_CASE("an old stream ends after a response, each at an age of its own (XDS C10)", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  SameRandom random;
  server.stream_context().max_age = absl::Minutes(30);
  server.stream_context().age_jitter = 0.5;
  server.stream_context().random = &random;
  server.Publish({Put("cluster", "a", "1")});
  const auto pass = [&](absl::Duration time) {
    clock.Advance(time);
    server.timers().Fire(clock.Now());
  };
  for (const auto& [number, age] :
       {std::pair<uint64_t, int>{0, 15}, {uint64_t{1} << 63, 30}, {~uint64_t{0}, 45}}) {
    random.number = number;
    Peer peer(&server);
    peer.Ask("cluster", {}, &kNode);
    REQUIRE(peer.Look().has_value());
    // Not in the middle of a response, however old.
    pass(absl::Minutes(46));
    CHECK_FALSE(peer.wire.finished.has_value());
    peer.Written();
    REQUIRE(peer.wire.finished.has_value());
    CHECK(peer.wire.finished->ok());

    Peer next(&server);
    next.Ask("cluster", {}, &kNode);
    next.Take();
    pass(absl::Minutes(age) - absl::Seconds(1));
    CHECK_FALSE(next.wire.finished.has_value());
    pass(absl::Seconds(2));
    CHECK(next.wire.finished.has_value());
  }
  // Who has heard nothing yet would take the end for a failure.
  Peer waiting(&server);
  waiting.Ask("endpoints", {"none"}, &kNode);
  pass(absl::Hours(1));
  CHECK_FALSE(waiting.wire.finished.has_value());
  server.Publish({Put("endpoints", "none", "1")});
  waiting.Take();
  CHECK(waiting.wire.finished.has_value());
}

TEST_CASE("two streams of one node are independent (XDS C12)", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1"), Put("endpoints", "a", "1")});
  Peer first(&server), second(&server, Variant::kDelta);
  first.Ask("endpoints", {"a"}, &kNode);
  second.Ask("endpoints", {"a"}, &kNode);
  const auto one = first.Take(), two = second.Take();
  REQUIRE(one.has_value());
  REQUIRE(two.has_value());
  CHECK(one->nonce != two->nonce);
  first.Answer(*one, {}, {});
  server.Publish({Put("endpoints", "a", "2")});
  CHECK_FALSE(first.Take().has_value());
  CHECK_FALSE(second.Take().has_value());
  second.Answer(*two, {}, {});
  CHECK(second.Take()->resources.at("a") == "2");
  REQUIRE(server.fleet().List().size() == 1);
  first.stream->OnClosed();
  CHECK(server.fleet().List()[0].state != NodeState::kGone);
  second.stream->OnClosed();
  CHECK(server.fleet().List()[0].state == NodeState::kGone);
}

TEST_CASE("the fleet says how far a node is", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1")});
  Peer peer(&server);
  peer.Ask("cluster", {}, &kNode);
  const auto status = [&] {
    const auto nodes = server.fleet().List();
    REQUIRE(nodes.size() == 1);
    return nodes[0];
  };
  CHECK(status().state == NodeState::kPending);
  CHECK(status().id == "n1");
  CHECK(status().client == "envoy 1.40.0");
  CHECK(status().variant == "sotw");
  CHECK(status().namespace_name == "default");
  CHECK(status().connected == clock.Now());
  auto message = peer.Take();
  clock.Advance(absl::Seconds(30));
  CHECK(status().state == NodeState::kStale);
  peer.Answer(*message, {}, {});
  CHECK(status().state == NodeState::kSynced);
  CHECK(status().revision == Revision{1});
  CHECK(status().since == clock.Now());
  // A revision that changes nothing of this node's is one that it has.
  server.Publish({Put("endpoints", "x", "1")});
  CHECK(status().revision == Revision{2});
  server.Publish({Put("cluster", "a", "2")});
  CHECK(status().state == NodeState::kPending);
  CHECK(status().revision == Revision{2});
  message = peer.Take();
  peer.Answer(*message, {}, "Error adding/updating cluster(s) a: bad");
  CHECK(status().state == NodeState::kNack);
  CHECK(status().revision == Revision{2});
  REQUIRE(status().types.size() == 1);
  CHECK(status().types[0].refused == std::vector<std::string>{"a"});
  CHECK(status().types[0].error == "Error adding/updating cluster(s) a: bad");
  server.Publish({Put("cluster", "a", "3")});
  message = peer.Take();
  peer.Answer(*message, {}, {});
  CHECK(status().state == NodeState::kSynced);
  CHECK(status().revision == Revision{4});
  CHECK(status().types[0].refused.empty());
  clock.Advance(absl::Seconds(5));
  peer.stream->OnClosed();
  CHECK(status().state == NodeState::kGone);
  CHECK(status().since == clock.Now());
  CHECK(status().revision == Revision{4});
}

TEST_CASE("an error text is kept in part, cut between characters", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1")});
  Peer peer(&server);
  peer.Ask("cluster", {}, &kNode);
  const auto message = peer.Take();
  // A character of two bytes stands across the limit.
  peer.Answer(*message, {}, std::string(limits::kMaxErrorBytes - 1, 'x') + "\xc3\xa4 and more");
  const std::string error = server.fleet().List()[0].types[0].error;
  CHECK(error.size() == limits::kMaxErrorBytes - 1);
}

TEST_CASE("a later request may bring another node, and still is the first one's (XDS C4)",
          "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "1"), Put("endpoints", "a", "1")});
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Peer peer(&server, variant);
    peer.Ask("cluster", {}, &kNode);
    CHECK(peer.Take().has_value());
    const TestNode other{"n2", "grpc-go", "1.60.0"};
    peer.Ask("endpoints", {"a"}, &other);
    CHECK(peer.Take().has_value());
    REQUIRE(server.fleet().List().size() == 1);
    CHECK(server.fleet().List()[0].id == "n1");
    peer.stream->OnClosed();
  }
}

TEST_CASE("a reconnecting client may list very much (XDS D14)", "[stream]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "n7", "1"), Put("cluster", "n8", "1")});
  Peer peer(&server, Variant::kDelta);
  DeltaRequest request{peer.Url("cluster"), {}, {}, {}, "", {}};
  for (int i = 0; i < 50000; ++i)
    request.initial[absl::StrCat("n", i)] = "0123456789abcdef0123456789abcdef";
  request.initial["n7"] = Bodies().Make("cluster", "n7", "1")->version();
  peer.stream->OnMessage(Encode(request, &kNode));
  const auto message = peer.Take();
  REQUIRE(message.has_value());
  CHECK(message->resources == std::map<std::string, std::string>{{"n8", "1"}});
  CHECK(message->removed.size() == 49998);
}

TEST_CASE("whoever publishes, closes and answers at once does no harm", "[stream][threads]") {
  FakeClock clock;
  Server server(&Bodies(), &clock);
  server.Publish({Put("cluster", "a", "0")});
  std::vector<FragmentPtr> fragments;
  for (int i = 0; i < 20; ++i)
    fragments.push_back(Bodies().Make("cluster", "a", absl::StrCat("t", i)));
  for (int round = 0; round < 20; ++round) {
    Peer peer(&server, round % 2 == 0 ? Variant::kSotw : Variant::kDelta);
    const std::string request =
        peer.variant == Variant::kSotw
            ? Encode(SotwRequest{peer.Url("cluster"), {}, "", "", {}}, &kNode)
            : Encode(DeltaRequest{peer.Url("cluster"), {}, {}, {}, "", {}}, &kNode);
    std::atomic<bool> done = false;
    std::thread publisher([&] {
      for (int i = 0; i < 20; ++i) {
        auto next = std::make_shared<Snapshot>(*server.cache().Current({"default", "default"}));
        next->revision = Next(next->revision);
        next->types[0] = next->types[0]->With({{"a", fragments[static_cast<size_t>(i)]}});
        server.cache().Publish(next);
      }
      done = true;
    });
    std::thread timer([&] {
      while (!done) {
        peer.stream->OnTimer();
        server.fleet().List();
      }
    });
    peer.stream->OnMessage(request);
    peer.stream->OnMessage(request);
    publisher.join();
    timer.join();
    peer.stream->Close(absl::OkStatus());
    peer.stream->OnClosed();
    CHECK(peer.wire.violations.empty());
  }
}

TEST_CASE("what is good is known where a node has a stream for each type (XDS W2, C12, O2b)",
          "[stream]") {
  FakeClock clock;
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Server server(&Bodies(), &clock);
    server.Publish({Put("cluster", "a", "1"), Put("cluster", "b", "1"), Put("listener", "l", "1")});
    Peer clusters(&server, variant, "cluster"), listeners(&server, variant, "listener");
    for (Peer* peer : {&clusters, &listeners}) {
      peer->Ask(peer == &clusters ? "cluster" : "listener", {}, &kNode);
      const auto first = peer->Take();
      REQUIRE(first.has_value());
      peer->Answer(*first, {}, {});
    }
    server.Publish({Put("cluster", "a", "bad")});
    const auto bad = clusters.Take();
    REQUIRE(bad.has_value());
    clusters.Answer(*bad, {}, "Error adding/updating cluster(s) a: it is bad");
    CHECK_FALSE(clusters.Take().has_value());
    clusters.stream->OnClosed();
    Peer again(&server, variant, "cluster");
    again.Ask("cluster", {}, &kNode);
    const auto good = again.Take();
    REQUIRE(good.has_value());
    CHECK(good->resources == std::map<std::string, std::string>{{"a", "1"}, {"b", "1"}});
    again.stream->OnClosed();
    listeners.stream->OnClosed();
  }
}

}  // namespace
}  // namespace signalbox::testing
