#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "server/xds/stream.h"
#include "tests/server/xds/fixture.h"
#include "tests/server/xds/model/scene.h"
#include "tests/server/xds/model/stream_rules.h"

namespace signalbox::testing {

// A client's end of its aggregated streams, one after the other. Holds each message against the
// rules at the moment when it is composed, since the client may say something before it reads it.
class Connection {
 public:
  // Whether the client has something under a name.
  using IsHeld = std::function<bool(int type, const std::string& name)>;

  // `scene` must outlive this object.
  // With `only` its streams are of that type's own service; -1: aggregated ones.
  Connection(Scene* scene, std::string who, Variant variant, TestNode node, bool shares_node,
             int only, IsHeld held);
  ~Connection();

  Variant variant() const { return variant_; }
  // Whether another client has the same node id.
  bool shares_node() const { return shares_node_; }
  // Whether there is a stream.
  bool up() const { return stream_ != nullptr; }
  void Open();
  // Which daemon this stream is with, counted from 1.
  int daemon() const { return daemon_number_; }
  // What has arrived and was not taken in is lost.
  void Close();

  void Send(int type, const Ask& ask);
  bool Asked(int type) const { return up() && rules_->Asked(type); }
  // Takes what was written, unless it is deaf; notices that the stream was ended.
  void Pump();
  // Nothing else happens now: what may go at once has gone.
  void CheckIdle();
  void CheckRest() { rules_->OnRest(); }
  void OnDeleted(int type, const std::string& name);
  NodeStatus Status() const { return stream_->Status(); }
  int messages() const { return messages_; }

  void Log(const std::string& text);
  void Violation(const std::string& text);

  std::deque<Received> inbox;
  bool deaf = false;

 private:
  void Note();

  Scene* const scene_;
  const std::string who_;
  const Variant variant_;
  const TestNode node_;
  const bool shares_node_;
  const int only_;
  const IsHeld held_;
  std::unique_ptr<RecordingWire> wire_;
  std::shared_ptr<Stream> stream_;
  std::unique_ptr<WireCheck> check_;
  std::unique_ptr<StreamRules> rules_;
  const void* daemon_ = nullptr;  // of the last stream
  int daemon_number_ = 0;
  std::set<std::string> nonces_;
  std::optional<Received> composing_;
  absl::Time orphan_at_ = absl::InfiniteFuture();
  bool first_ = true;
  int messages_ = 0;
};

}  // namespace signalbox::testing
