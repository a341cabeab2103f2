// clang-format off
// Runs every file of sequences/ against each variant that it names, over whatever SequenceServer it
// is linked with: a Stream with a wire and a clock of the test's, or a daemon and a real socket.
//
// A sequence is a text, a step a line; `#` begins a comment, `sotw: ` and `delta: ` before a step
// let only that variant take it, `{1..9}` in a word stands for nine words. The head says what it
// proves and which variants it is for:
//   proves: W2 S-6b
//   variants: sotw delta
//
// XDS is one of CDS EDS LEDS LDS RDS SRDS VHDS SDS ECDS RTDS. A resource is NAME=TAG; one tag is one content ("x@300k":
// 300 KiB of it).
//   publish [-]TYPE/NAME=TAG>REF,REF ...
//                           the next revision; a cluster takes endpoints by its own name unless REF
//                           is `static`; what else a REF is says XdsBodies::Spec
//   publish-each ...        a revision for each word
//   node ID AGENT VERSION FEATURE ...
//                           who the client is, from its next stream on; `node -`: it does not say
//   ask XDS NAME,NAME       a request for exactly these names from now on, as the variant says it;
//                           without names, as the first one of a type, the legacy wildcard
//   c> XDS KEY=VALUE ...    a request. Keys: names= (SotW; all names, kept until changed),
//                           sub= unsub= initial=NAME:TAG (delta), locators= (names, as locators;
//                           a dynamic parameter stands behind the name: A;k=v),
//                           nonce=last|none|nK|XDS:last|TEXT version=acked|sent|none|TEXT
//                           error="text"; `""` is the empty name; `c> url:TYPE_URL` names any type.
//                           Without nonce= the newest one of the type goes along, without version=
//                           the one acknowledged last.
//   c> garbage              bytes that are no request
//   ack XDS [nK]
//   nack XDS [nK] "text"    answers the newest response of the type, or its K-th on this stream
//   judge XDS TAG "text"    from now on the client acknowledges by itself, and refuses what carries
//                           TAG
//   s> XDS NAME=TAG -NAME ...
//                           the next message, exactly (a removal is -NAME, NAME=TAG+ALIAS,ALIAS
//                           is told by these, NAME=TAG! comes without a body, NAME=TAG~TTL with a
//                           time to live, ?NAME is said not to exist); `s>+`: one or more messages below 4 MiB which together
//                           are that
//   repeats XDS             the rule under test has the next message of the type repeat what the
//                           client has
//   rounds XDS N            at most N messages of the type came since `judge`
//   holds XDS NAME=TAG ...  what the client ends up with, exactly
//   silence                 nothing else came
//   stall / resume          the client does not read; it reads again
//   advance 2s              time passes
//   grace 5s 60s 10m        removal_grace, removal_grace_opaque, listener_drain; else they are 0
//   withhold                others can read the stream: no secrets, from its beginning
//   fails CODE              the stream was ended with that code
//   event KIND TYPE NAME ...
//                           happened since the last such line: ack nack convicted released
//                           oversized withheld
//   status STATE / status XDS STATE
//                           what is known of the node, of one type
//   reconnect / restart     a new stream of the same client; of another daemon on the same store,
//                           which knows of before what is written there
//   restart forgetful       of a daemon that knows nothing of before
//   retry NODE              what the node refused is to be sent once more
//   repeat N STEP           the step, N times
// At the end of a file, and before reconnect and restart, nothing else may have come. Every message
// is held against WireCheck and ReadResponse (fixture.h).
// clang-format on
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "tests/server/xds/fixture.h"
#include "tests/server/xds/sequence_server.h"
#include "tests/server/xds/sequences.h"

namespace signalbox::testing {
namespace {

using Words = std::vector<std::string>;

// "a{1..3}=x" -> a1=x a2=x a3=x
Words Expand(const std::string& word) {
  const size_t open = word.find('{'), dots = word.find("..", open), close = word.find('}', open);
  if (open == std::string::npos || dots == std::string::npos || close == std::string::npos)
    return {word};
  Words words;
  const int last = std::atoi(word.c_str() + dots + 2);
  for (int i = std::atoi(word.c_str() + open + 1); i <= last; ++i) {
    words.push_back(absl::StrCat(word.substr(0, open), i, word.substr(close + 1)));
  }
  return words;
}

// Splits at blanks; what stands in quotes stays together.
Words Split(absl::string_view line) {
  Words words;
  std::string word;
  bool quoted = false, any = false;
  const auto end = [&] {
    if (!any) return;
    for (std::string& each : word.find('"') == std::string::npos ? Expand(word) : Words{word})
      words.push_back(each);
    word.clear();
    any = false;
  };
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    if (c == '#' && !quoted) break;
    if (c == ' ' && !quoted) {
      end();
      continue;
    }
    word.push_back(c);
    any = true;
  }
  end();
  return words;
}

// NAME=TAG; a name may have a '=', a tag has none.
std::pair<std::string, std::string> NameAndTag(const std::string& text) {
  const size_t at = text.rfind('=');
  if (at == std::string::npos) return {text, ""};
  return {text.substr(0, at), text.substr(at + 1)};
}

std::string Unquote(absl::string_view text) {
  absl::ConsumePrefix(&text, "\"");
  absl::ConsumeSuffix(&text, "\"");
  return std::string(text);
}

Words List(absl::string_view text) {
  Words names;
  if (text.empty()) return names;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    for (const std::string& name : Expand(std::string(part))) names.push_back(Unquote(name));
  }
  return names;
}

absl::string_view KindName(SessionEvent::Kind kind) {
  switch (kind) {
    case SessionEvent::Kind::kAck:
      return "ack";
    case SessionEvent::Kind::kNack:
      return "nack";
    case SessionEvent::Kind::kConvicted:
      return "convicted";
    case SessionEvent::Kind::kReleased:
      return "released";
    case SessionEvent::Kind::kOversized:
      return "oversized";
    case SessionEvent::Kind::kWithheld:
      return "withheld";
  }
  return "";
}

XdsBodies& SharedBodies() {
  static auto* const bodies = new XdsBodies();
  return *bodies;
}

class Runner {
 public:
  Runner(Variant variant, absl::string_view file)
      : variant_(variant), file_(file), server_(MakeSequenceServer(variant, &SharedBodies())) {
    Connect();
  }

  void Run(absl::string_view script) {
    int number = 0;
    for (absl::string_view line : absl::StrSplit(script, '\n')) {
      ++number;
      line = absl::StripAsciiWhitespace(line);
      if (line.empty() || line[0] == '#' || absl::StartsWith(line, "proves:") ||
          absl::StartsWith(line, "variants:")) {
        continue;
      }
      at_ = absl::StrCat(file_, ":", number, " (", VariantName(variant_), "): ", line);
      INFO(at_);
      if (absl::ConsumePrefix(&line, "sotw: ") && variant_ != Variant::kSotw) continue;
      if (absl::ConsumePrefix(&line, "delta: ") && variant_ != Variant::kDelta) continue;
      Step(absl::StripLeadingAsciiWhitespace(line));
      CHECK(absl::StrJoin(violations_, "\n") == "");
      if (!violations_.empty()) return;
    }
    INFO(at_ << ", at the end");
    ExpectSilence();
  }

 private:
  // What the client knows of one type.
  struct Client {
    std::vector<Message> received;  // on this stream
    Words names;                    // SotW
    std::string acked_version;
    std::map<std::string, std::string> holds;
    std::optional<std::string> bad_tag;
    std::string error;
    int rounds = 0;
  };

  const ResourceType& Type(absl::string_view xds) const {
    for (const ResourceType* type : SharedBodies().registry().in_push_order()) {
      if (type->abbreviation() == xds || type->short_name() == xds) return *type;
    }
    FAIL("no such type: " << std::string(xds));
    std::abort();
  }

  void Connect() {
    server_->Connect();
    check_ = std::make_unique<WireCheck>(variant_, &nonces_, &violations_);
    composed_.reset();
    requested_ = false;
    stalled_ = false;
    for (auto& [type, client] : clients_) {
      const auto holds = std::move(client.holds);
      const auto acked_version = client.acked_version;
      client = Client{};
      client.holds = holds;
      client.acked_version = acked_version;
    }
  }

  void Disconnect() {
    ExpectSilence();
    server_->Disconnect();
  }

  void Step(absl::string_view line) {
    const Words words = Split(line);
    const std::string& verb = words.at(0);
    if (verb == "repeat") {
      const size_t rest = line.find(words.at(1)) + words.at(1).size() + 1;
      for (int i = std::atoi(words.at(1).c_str()); i > 0; --i) Step(line.substr(rest));
    } else if (verb == "publish") {
      Publish(words);
    } else if (verb == "publish-each") {
      for (size_t i = 1; i < words.size(); ++i) Publish({"publish", words[i]});
    } else if (verb == "ask") {
      Ask(words);
    } else if (verb == "repeats") {
      check_->AllowAll(&Type(words.at(1)));
    } else if (verb == "node") {
      node_.reset();
      if (words.at(1) != "-") {
        node_ = TestNode{words.at(1),
                         words.size() > 2 ? Unquote(words[2]) : "",
                         words.size() > 3 ? Unquote(words[3]) : "",
                         {words.begin() + static_cast<ptrdiff_t>(std::min<size_t>(4, words.size())),
                          words.end()}};
      }
    } else if (verb == "c>") {
      Send(words);
    } else if (verb == "ack" || verb == "nack") {
      Answer(words);
    } else if (verb == "judge") {
      Client& client = clients_[&Type(words.at(1))];
      client.bad_tag = words.at(2);
      client.error = Unquote(words.at(3));
      client.rounds = 0;
    } else if (absl::StartsWith(verb, "s>")) {
      Expect(words);
    } else if (verb == "rounds") {
      CHECK(clients_[&Type(words.at(1))].rounds <= std::atoi(words.at(2).c_str()));
    } else if (verb == "holds") {
      std::map<std::string, std::string> wanted;
      for (size_t i = 2; i < words.size(); ++i) {
        wanted.insert(NameAndTag(words[i]));
      }
      CHECK(Text(clients_[&Type(words.at(1))].holds) == Text(wanted));
    } else if (verb == "silence") {
      ExpectSilence();
    } else if (verb == "stall") {
      stalled_ = true;
    } else if (verb == "resume") {
      stalled_ = false;
      Drain();
    } else if (verb == "advance") {
      Advance(words.at(1));
    } else if (verb == "grace") {
      const auto duration = [&](size_t at) {
        absl::Duration parsed;
        REQUIRE(absl::ParseDuration(words.at(at), &parsed));
        return parsed;
      };
      server_->SetGrace(duration(1), duration(2), duration(3));
    } else if (verb == "withhold") {
      server_->WithholdSecrets();
      Disconnect();
      Connect();
    } else if (verb == "fails") {
      const std::optional<absl::Status> finished = server_->Finished();
      REQUIRE(finished.has_value());
      CHECK(absl::StatusCodeToString(finished->code()) == words.at(1));
    } else if (verb == "event") {
      ExpectEvent(words);
    } else if (verb == "status") {
      ExpectStatus(words);
    } else if (verb == "reconnect") {
      Disconnect();
      Connect();
    } else if (verb == "retry") {
      server_->Retry(server_->NodeId(words.at(1)));
      Drain();
    } else if (verb == "restart") {
      Disconnect();
      server_->Restart(words.size() == 1 ? SequenceServer::Memory::kWritten
                                         : SequenceServer::Memory::kNone);
      Connect();
    } else {
      FAIL("no such step: " << verb);
    }
  }

  void Publish(const Words& words) {
    std::vector<Server::Edit> edits;
    for (size_t i = 1; i < words.size(); ++i) {
      absl::string_view word = words[i];
      Server::Edit edit;
      edit.remove = absl::ConsumePrefix(&word, "-");
      std::vector<std::string> parts = absl::StrSplit(word, '>');
      if (parts.size() > 1) edit.spec.refers_to = List(parts[1]);
      const std::pair<std::string, std::string> item = NameAndTag(parts[0]);
      const std::pair<std::string, std::string> key =
          absl::StrSplit(item.first, absl::MaxSplits('/', 1));
      edit.spec.type = key.first;
      edit.spec.name = Unquote(key.second);
      edit.spec.tag = item.second;
      if (!edit.remove) {
        REQUIRE(!edit.spec.tag.empty());
        versions_[absl::StrCat(item.first, "=", edit.spec.tag)] =
            SharedBodies().Make(edit.spec)->version();
      }
      edits.push_back(std::move(edit));
    }
    server_->Publish(edits);
    Drain();
  }

  std::string NonceOf(const Client& client, const std::string& text) const {
    if (text == "none") return "";
    if (text == "last") return client.received.empty() ? "" : client.received.back().nonce;
    if (absl::EndsWith(text, ":last"))
      return clients_.at(&Type(absl::StripSuffix(text, ":last"))).received.back().nonce;
    int number;
    if (text[0] == 'n' && absl::SimpleAtoi(text.substr(1), &number)) {
      return client.received.at(static_cast<size_t>(number) - 1).nonce;
    }
    return text;
  }

  void Send(const Words& words) {
    if (words.at(1) == "garbage") {
      server_->Send("\x0a\xff\xff\xff\xff\xff\xff\xff");
      Drain();
      return;
    }
    std::map<std::string, std::string> keys = {{"nonce", "last"}, {"version", "acked"}};
    for (size_t i = 2; i < words.size(); ++i) {
      const std::pair<std::string, std::string> item =
          absl::StrSplit(words[i], absl::MaxSplits('=', 1));
      REQUIRE(std::set<std::string>{"names", "sub", "unsub", "initial", "nonce", "version", "error",
                                    "locators"}
                  .contains(item.first));
      keys[item.first] = item.second;
    }
    if (absl::StartsWith(words[1], "url:")) {
      const std::string url = words[1].substr(4);
      Deliver(variant_ == Variant::kSotw
                  ? Encode(SotwRequest{url, List(keys["names"]), "", "", {}}, Node())
                  : Encode(DeltaRequest{url, List(keys["sub"]), {}, {}, "", {}}, Node()));
      return;
    }
    const ResourceType& type = Type(words[1]);
    Client& client = clients_[&type];
    std::optional<std::string> error;
    if (keys.contains("error")) error = Unquote(keys["error"]);
    if (keys.contains("names")) client.names = List(keys["names"]);
    // A locator is a name that is said in another field.
    const Words locators = List(keys["locators"]);
    if (!locators.empty()) {
      client.names.clear();
      for (const std::string& text : locators)
        client.names.push_back(text.substr(0, text.find(';')));
      check_->OnRequest({&type, false, "", "", client.names, {}, {}});
      Deliver(
          variant_ == Variant::kSotw
              ? Encode(SotwRequest{.type_url = type.type_url(), .locators = locators}, Node())
              : Encode(DeltaRequest{.type_url = type.type_url(), .locators = locators}, Node()));
      return;
    }
    std::string version = keys["version"];
    if (version == "acked") version = client.acked_version;
    if (version == "none") version = "";
    if (version == "sent") version = client.received.back().version;
    std::map<std::string, std::string> initial;
    for (const std::string& item : List(keys["initial"])) {
      const std::pair<std::string, std::string> held =
          absl::StrSplit(item, absl::MaxSplits(':', 1));
      initial.insert(held);
    }
    Request(type, client, NonceOf(client, keys["nonce"]), version, error, List(keys["sub"]),
            List(keys["unsub"]), initial);
  }

  void Ask(const Words& words) {
    const ResourceType& type = Type(words.at(1));
    Client& client = clients_[&type];
    Words names;
    for (size_t i = 2; i < words.size(); ++i) {
      for (const std::string& name : List(words[i])) names.push_back(name);
    }
    const Words before = std::exchange(client.names, names);
    Words sub, unsub;
    if (variant_ == Variant::kDelta) {
      const auto missing_in = [](const Words& a, const Words& b) {
        Words missing;
        for (const std::string& name : b) {
          if (std::count(a.begin(), a.end(), name) == 0) missing.push_back(name);
        }
        return missing;
      };
      sub = missing_in(before, names);
      unsub = missing_in(names, before);
    }
    Request(type, client, NonceOf(client, "last"), client.acked_version, {}, sub, unsub, {});
  }

  void Answer(const Words& words) {
    const ResourceType& type = Type(words.at(1));
    Client& client = clients_[&type];
    size_t next = 2;
    std::string which = "last";
    if (next < words.size() && words[next][0] == 'n') which = words[next++];
    std::optional<std::string> error;
    if (words[0] == "nack") error = Unquote(words.at(next));
    const std::string nonce = NonceOf(client, which);
    const auto message = std::find_if(client.received.begin(), client.received.end(),
                                      [&](const Message& m) { return m.nonce == nonce; });
    REQUIRE(message != client.received.end());
    Answer(type, client, *message, error);
  }

  void Answer(const ResourceType& type, Client& client, const Message& message,
              const std::optional<std::string>& error) {
    Apply(type, client, message, error);
    if (!error.has_value()) client.acked_version = message.version;
    Request(type, client, message.nonce, client.acked_version, error, {}, {}, {});
  }

  // As Envoy does: what is named as the cause is left out of what is applied; where nothing is
  // named, nothing is applied.
  void Apply(const ResourceType& type, Client& client, const Message& message,
             const std::optional<std::string>& error) {
    std::set<std::string> named;
    if (error.has_value()) {
      for (const auto& [name, tag] : message.resources) {
        if (absl::StrContains(*error, absl::StrCat(" ", name, ": "))) named.insert(name);
      }
      if (named.empty()) return;
    }
    if (variant_ == Variant::kSotw && type.full_state_in_sotw()) {
      std::erase_if(client.holds,
                    [&](const auto& held) { return !message.resources.contains(held.first); });
    }
    for (const auto& [name, tag] : message.resources) {
      if (!named.contains(name)) client.holds[name] = tag;
    }
    for (const std::string& name : message.removed) client.holds.erase(name);
  }

  void Request(const ResourceType& type, Client& client, const std::string& nonce,
               const std::string& version, const std::optional<std::string>& error,
               const Words& sub, const Words& unsub,
               const std::map<std::string, std::string>& initial) {
    WireCheck::Request seen{&type, error.has_value(), nonce, version, client.names, unsub, initial};
    if (variant_ == Variant::kSotw) {
      check_->OnRequest(seen);
      Deliver(Encode(SotwRequest{type.type_url(), client.names, nonce, version, error}, Node()));
      return;
    }
    seen.names = sub;
    check_->OnRequest(seen);
    DeltaRequest request{type.type_url(), sub, unsub, {}, nonce, error};
    for (const auto& [name, tag] : initial) request.initial[name] = VersionOfTag(type, name, tag);
    Deliver(Encode(request, Node()));
  }

  // The version of content that was published; any other text stands for itself.
  std::string VersionOfTag(const ResourceType& type, const std::string& name,
                           const std::string& tag) const {
    const auto found = versions_.find(absl::StrCat(type.short_name(), "/", name, "=", tag));
    return found == versions_.end() ? tag : found->second;
  }

  const TestNode* Node() {
    if (std::exchange(requested_, true) || !node_.has_value()) return nullptr;
    said_node_ = *node_;
    said_node_.id = server_->NodeId(said_node_.id);
    return &said_node_;
  }

  void Deliver(const std::string& bytes) {
    server_->Send(bytes);
    Drain();
  }

  // Takes in what was written, as long as something is.
  void Drain() {
    int messages = 0;
    while (const RecordingWire::Written* const written = server_->Next()) {
      if (!composed_.has_value()) {
        composed_ = ReadResponse(variant_, *written, SharedBodies(), &violations_);
        check_->OnResponse(*composed_);
      }
      if (stalled_) break;
      REQUIRE(++messages < 500);
      server_->Take();
      const Message message = *std::exchange(composed_, std::nullopt);
      Client& client = clients_[message.type];
      client.received.push_back(message);
      ++client.rounds;
      if (client.bad_tag.has_value()) {
        Judge(message, client);
      } else {
        inbox_.push_back(message);
      }
      server_->Done();
    }
    const std::vector<std::string> broken = server_->TakeViolations();
    violations_.insert(violations_.end(), broken.begin(), broken.end());
  }

  void Judge(const Message& message, Client& client) {
    const bool bad =
        std::any_of(message.resources.begin(), message.resources.end(),
                    [&](const auto& resource) { return resource.second == *client.bad_tag; });
    std::optional<std::string> error;
    if (bad) error = client.error;
    Apply(*message.type, client, message, error);
    if (!bad) client.acked_version = message.version;
    WireCheck::Request seen{message.type, bad, message.nonce, client.acked_version, client.names,
                            {},           {}};
    if (variant_ == Variant::kDelta) seen.names.clear();
    check_->OnRequest(seen);
    server_->Send(
        variant_ == Variant::kSotw
            ? Encode(SotwRequest{message.type->type_url(), client.names, message.nonce,
                                 client.acked_version, error},
                     nullptr)
            : Encode(DeltaRequest{message.type->type_url(), {}, {}, {}, message.nonce, error},
                     nullptr));
  }

  static std::string Text(const std::map<std::string, std::string>& resources) {
    return absl::StrJoin(resources, " ", absl::PairFormatter("="));
  }
  static std::string Text(const Message& message) {
    std::string text(message.type->abbreviation());
    for (const auto& [name, told] : message.told) absl::StrAppend(&text, " ", name, "=", told);
    for (const std::string& name : message.removed) absl::StrAppend(&text, " -", name);
    for (const std::string& name : message.errors) absl::StrAppend(&text, " ?", name);
    return text;
  }

  void Expect(const Words& words) {
    Message wanted;
    wanted.type = &Type(words.at(1));
    for (size_t i = 2; i < words.size(); ++i) {
      if (words[i][0] == '?') {
        wanted.errors.push_back(words[i].substr(1));
        continue;
      }
      if (words[i][0] == '-') {
        wanted.removed.push_back(words[i].substr(1));
        continue;
      }
      const std::pair<std::string, std::string> item = NameAndTag(words[i]);
      wanted.told.emplace(Unquote(item.first), item.second);
    }
    std::sort(wanted.removed.begin(), wanted.removed.end());
    std::sort(wanted.errors.begin(), wanted.errors.end());
    if (inbox_.empty()) {
      CHECK(Text(wanted) == "nothing came");
      violations_.push_back("stopped");
      return;
    }
    Message got = std::move(inbox_.front());
    inbox_.pop_front();
    if (words[0] == "s>+") {
      CHECK(got.bytes < size_t{4} << 20);
      while (!inbox_.empty() && inbox_.front().type == wanted.type) {
        for (const auto& told : inbox_.front().told) {
          INFO(told.first);
          CHECK(got.told.insert(told).second);
        }
        got.removed.insert(got.removed.end(), inbox_.front().removed.begin(),
                           inbox_.front().removed.end());
        CHECK(inbox_.front().bytes < size_t{4} << 20);
        inbox_.pop_front();
      }
      std::sort(got.removed.begin(), got.removed.end());
    }
    CHECK(Text(got) == Text(wanted));
    if (Text(got) != Text(wanted)) violations_.push_back("stopped");
  }

  void ExpectSilence() {
    Drain();
    Words came;
    for (const Message& message : inbox_) came.push_back(Text(message));
    CHECK(absl::StrJoin(came, "; ") == "");
    if (!came.empty()) violations_.push_back("stopped");
    inbox_.clear();
  }

  void Advance(const std::string& text) {
    absl::Duration left;
    REQUIRE(absl::ParseDuration(text, &left));
    server_->Advance(left, [this] { Drain(); });
    Drain();
  }

  void ExpectEvent(const Words& words) {
    const std::optional<std::vector<SessionEvent>> events = server_->TakeEvents();
    if (!events.has_value()) return;
    Words seen;
    bool happened = false;
    for (const SessionEvent& event : *events) {
      if (KindName(event.kind) != words.at(1) || event.type != &Type(words.at(2))) continue;
      happened = true;
      seen.insert(seen.end(), event.names.begin(), event.names.end());
    }
    CHECK(happened);
    std::sort(seen.begin(), seen.end());
    CHECK(absl::StrJoin(seen, " ") == absl::StrJoin(words.begin() + 3, words.end(), " "));
  }

  void ExpectStatus(const Words& words) {
    const std::string type(words.size() > 2 ? Type(words[1]).short_name() : "");
    CHECK(server_->State(type, words.back()) == words.back());
  }

  const Variant variant_;
  const std::string file_;
  std::string at_;
  const std::unique_ptr<SequenceServer> server_;
  std::optional<TestNode> node_ = TestNode{};
  TestNode said_node_;
  std::unique_ptr<WireCheck> check_;
  std::set<std::string> nonces_;
  std::vector<std::string> violations_;
  std::map<const ResourceType*, Client> clients_;
  std::optional<Message> composed_;  // held against what went before, and not read yet
  std::deque<Message> inbox_;
  std::map<std::string, std::string> versions_;  // by type, name and tag
  bool requested_ = false;
  bool stalled_ = false;
};

bool HasVariant(absl::string_view script, absl::string_view variant) {
  for (absl::string_view line : absl::StrSplit(script, '\n')) {
    if (absl::ConsumePrefix(&line, "variants:")) return absl::StrContains(line, variant);
  }
  FAIL("a sequence without a line `variants:`");
  return false;
}

TEST_CASE("every sequence holds", "[xds][sequences]") {
  for (const EmbeddedFile& file : Sequences()) {
    for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
      if (!HasVariant(file.content, VariantName(variant))) continue;
      DYNAMIC_SECTION(std::string(file.name) << " " << std::string(VariantName(variant))) {
        if (!PlayedHere(file.name, variant, file.content)) continue;
        Runner(variant, file.name).Run(file.content);
      }
    }
  }
}

}  // namespace
}  // namespace signalbox::testing
