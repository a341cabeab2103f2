#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/server/xds/model/channel.h"
#include "tests/server/xds/model/connection.h"
#include "tests/server/xds/model/steps.h"

namespace signalbox::testing {

// A client written from the protocol's text and from what was measured of real ones (the rules
// marked [M] in XDS), without a line of the server.
class Client {
 public:
  virtual ~Client() = default;

  // Does its part of a step, or nothing. Not for steps that are nobody's.
  void OnStep(const Step& step);
  // Takes in and answers all that it can; false if there was nothing to do.
  bool CatchUp();
  // The daemon is gone: the stream ends and another one begins.
  void OnDaemonGone();
  // Says what is wrong now that everybody has what he should have.
  void AtRest();

  // Whether it withholds an answer, or something is withheld from it.
  bool Waits() const;

  // Time has passed.
  virtual void OnTime() {}
  virtual absl::Time NextDue() const { return absl::InfiniteFuture(); }

  Connection& connection() { return connection_; }

 protected:
  Client(Scene* scene, std::string who, Variant variant, TestNode node, const ClientPlan& plan);

  // Says on a new stream what the client is interested in.
  virtual void Begin() = 0;
  // Takes in a message and answers it, or does not answer it yet.
  virtual void Handle(const Received& received, bool answer) = 0;
  // Steps that only some clients know.
  virtual void Want(const Step& step) {}
  virtual void Answer(const Step& step) {}
  virtual void Repeat(const Step& step) {}
  virtual void Afresh(const Step& step) {}
  // Answers what may be answered; whether there was anything.
  virtual bool AnswerAll();
  virtual void CheckRest(std::vector<std::string>* wrong) {}

  Channel& channel(int type) { return *channels_[static_cast<size_t>(type)]; }
  const Channel& channel(int type) const { return *channels_[static_cast<size_t>(type)]; }
  void AddChannels(const std::vector<Channel::Traits>& traits);
  void Reconnect(bool takes_in);

  Scene* const scene_;
  Connection connection_;

 private:
  void TakeIn(bool answer);

  std::vector<std::unique_ptr<Channel>> channels_;
};

}  // namespace signalbox::testing
