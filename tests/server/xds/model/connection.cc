#include "tests/server/xds/model/connection.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace signalbox::testing {

Connection::Connection(Scene* scene, std::string who, Variant variant, TestNode node,
                       bool shares_node, int only, IsHeld held)
    : scene_(scene),
      who_(std::move(who)),
      variant_(variant),
      node_(std::move(node)),
      shares_node_(shares_node),
      only_(only),
      held_(std::move(held)) {
  // A twin may leave something behind before this one has its first stream.
  if (shares_node) nonces_.insert("");
}

Connection::~Connection() {
  if (up()) stream_->OnClosed();
}

void Connection::Log(const std::string& text) {
  scene_->trace.push_back(absl::StrCat("  r", scene_->world.revision(), " ", who_, " ", text));
}

void Connection::Violation(const std::string& text) {
  scene_->violations.push_back(absl::StrCat(who_, ": ", text));
}

void Connection::Open() {
  wire_ = std::make_unique<RecordingWire>();
  stream_ =
      scene_->server->Open(variant_, wire_.get(), only_ < 0 ? "" : scene_->Type(only_).type_url());
  check_ = std::make_unique<WireCheck>(variant_, &nonces_, &scene_->violations);
  auto rules = std::make_unique<StreamRules>(scene_, variant_);
  // Another stream of its node may replace what is remembered; a daemon remembers its own.
  if (rules_ != nullptr)
    rules->Follow(rules_.get(), !shares_node_ && daemon_ == scene_->server.get());
  rules_ = std::move(rules);
  if (shares_node_) rules_->AssumeCameBack();
  if (daemon_ != scene_->server.get()) ++daemon_number_;
  daemon_ = scene_->server.get();
  composing_.reset();
  inbox.clear();
  orphan_at_ = absl::InfiniteFuture();
  first_ = true;
  deaf = false;
}

void Connection::Close() {
  if (!up()) return;
  stream_->OnClosed();
  stream_.reset();
  inbox.clear();
}

void Connection::Send(int type, const Ask& ask) {
  if (!up()) return;
  Note();  // what was composed before this is known
  const ResourceType& resource_type = scene_->Type(type);
  WireCheck::Request seen{&resource_type, ask.error.has_value(), ask.nonce,  ask.version,
                          ask.names,      ask.unsubscribe,       ask.initial};
  const TestNode* const node = std::exchange(first_, false) ? &node_ : nullptr;
  Log(absl::StrCat("says ", kTypes[static_cast<size_t>(type)].name, " [",
                   absl::StrJoin(variant_ == Variant::kSotw ? ask.names : ask.subscribe, ","), "]",
                   ask.unsubscribe.empty() ? "" : " not ", absl::StrJoin(ask.unsubscribe, ","),
                   ask.initial.empty() ? "" : " has ",
                   absl::StrJoin(ask.initial, ",", absl::PairFormatter("=")), " nonce '", ask.nonce,
                   "'", ask.version.empty() ? "" : " with a version",
                   ask.error.has_value() ? " ERROR " : "", ask.error.value_or("")));
  std::string bytes;
  // On a type's own service it is implied.
  const std::string url = only_ < 0 || ask.nonce.empty() ? resource_type.type_url() : "";
  if (variant_ == Variant::kSotw) {
    bytes = Encode(SotwRequest{url, ask.names, ask.nonce, ask.version, ask.error}, node);
  } else {
    seen.names = ask.subscribe;
    DeltaRequest request{url, ask.subscribe, ask.unsubscribe, {}, ask.nonce, ask.error};
    for (const auto& [name, tag] : ask.initial) {
      request.initial[name] = scene_->bodies->VersionOfTag(resource_type.type_url(), name, tag);
    }
    if (type == kEndpoints && !rules_->Asked(kEndpoints) && !rules_->Asked(kCluster) &&
        node_.agent == "envoy") {
      orphan_at_ = scene_->clock.Now() + absl::Seconds(1);
    }
    bytes = Encode(request, node);
  }
  if (type == kCluster && scene_->clock.Now() < orphan_at_) orphan_at_ = absl::InfiniteFuture();
  check_->OnRequest(seen);
  rules_->OnAsk(type, ask);
  stream_->OnMessage(bytes);
  Note();
}

void Connection::Note() {
  if (!wire_->in_flight.has_value() || composing_.has_value()) return;
  Received received;
  received.message =
      ReadResponse(variant_, *wire_->in_flight, *scene_->bodies, &scene_->violations);
  received.type = scene_->IndexOf(*received.message.type);
  received.revision = scene_->world.revision();
  received.at = scene_->clock.Now();
  received.wildcard = rules_->wildcard(received.type);
  received.names = rules_->names(received.type);
  received.asked = rules_->asked();
  Log(absl::StrCat("is sent ", received.Text()));
  // It may be stuck, having come back while it was warming (XDS D11).
  if (received.type == kEndpoints && received.at >= orphan_at_) {
    orphan_at_ = absl::InfiniteFuture();
    check_->AllowAll(received.message.type);
    check_->AllowNames(received.message.type);
  }
  check_->OnResponse(received.message);
  rules_->OnComposed(received, held_);
  composing_ = std::move(received);
}

void Connection::Pump() {
  if (!up()) return;
  Note();
  for (int read = 0; !deaf && wire_->in_flight.has_value(); ++read) {
    if (read > 500) {
      Violation("five hundred messages at once");
      break;
    }
    wire_->in_flight.reset();
    inbox.push_back(*std::exchange(composing_, std::nullopt));
    ++messages_;
    stream_->OnWriteDone(true);
    Note();
  }
  for (const std::string& text : std::exchange(wire_->violations, {})) Violation(text);
  if (!wire_->finished.has_value()) return;
  Log(absl::StrCat("is told ", wire_->finished->ToString()));
  const bool unloaded = scene_->server->snapshot() == nullptr;
  if (!unloaded || !absl::IsUnavailable(*wire_->finished))
    Violation(absl::StrCat("the stream was ended: ", wire_->finished->ToString()));
  Close();
}

void Connection::CheckIdle() {
  if (up() && !wire_->in_flight.has_value()) {
    const size_t before = scene_->violations.size();
    rules_->OnIdle();
    for (size_t i = before; i < scene_->violations.size(); ++i)
      scene_->violations[i] = absl::StrCat(who_, ": ", scene_->violations[i]);
  }
}

void Connection::OnDeleted(int type, const std::string& name) {
  if (up()) check_->OnDeleted(&scene_->Type(type), name);
}

}  // namespace signalbox::testing
