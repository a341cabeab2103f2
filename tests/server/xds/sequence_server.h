#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/xds/session.h"
#include "tests/server/xds/fixture.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox::testing {

// What a sequence is played against: a server, and one stream of one client to it. Not
// synchronised.
class SequenceServer {
 public:
  virtual ~SequenceServer() = default;

  // The next revision.
  virtual void Publish(const std::vector<Server::Edit>& edits) = 0;
  // A stream, to be opened when there is none.
  virtual void Connect() = 0;
  virtual void Disconnect() = 0;
  // Another server with the same revision, which knows what was written down of refusals, or
  // nothing of before; when there is no stream.
  enum class Memory { kWritten, kNone };
  virtual void Restart(Memory memory) = 0;
  // What the node refused is to be sent once more.
  virtual void Retry(const std::string& node_id) = 0;

  // The id by which the client goes there.
  virtual std::string NodeId(const std::string& id) { return id; }
  // The client's next message.
  virtual void Send(const std::string& bytes) = 0;
  // What the server has written and the client not taken, once all that was sent and published is
  // dealt with; null when there is nothing. It stays until Take.
  virtual const RecordingWire::Written* Next() = 0;
  virtual void Take() = 0;
  // After Take: the server learns that its write is done.
  virtual void Done() = 0;
  // How the server ended the stream.
  virtual std::optional<absl::Status> Finished() = 0;

  // Time passes; `look` is called whenever something may have been written.
  virtual void Advance(absl::Duration time, const std::function<void()>& look) = 0;
  // For the streams from now on.
  virtual void SetGrace(absl::Duration removal, absl::Duration opaque, absl::Duration drain) = 0;
  virtual void WithholdSecrets() = 0;

  // The state of the node, or of one type there by its short name, waited for where it is `wanted`.
  virtual std::string State(absl::string_view type, absl::string_view wanted) = 0;
  // What happened since the last call; none where that cannot be seen.
  virtual std::optional<std::vector<SessionEvent>> TakeEvents() = 0;
  // Broken promises of the server's.
  virtual std::vector<std::string> TakeViolations() = 0;
};

// Whether a sequence can be played here; whoever refuses says why.
bool PlayedHere(absl::string_view file, Variant variant, absl::string_view script);

// `bodies` must outlive the server. Both are defined by whoever links sequence_test.cc.
std::unique_ptr<SequenceServer> MakeSequenceServer(Variant variant, XdsBodies* bodies);

}  // namespace signalbox::testing
