#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/server/xds/model/world.h"

namespace signalbox::testing {

// Who takes part.
struct ClientPlan {
  enum class Kind { kSotw, kDelta, kGrpc, kEnvoySotw, kEnvoyDelta };
  Kind kind = Kind::kSotw;
  // What differs between clients of a kind. SotW: says "*" for all. Delta: forgets the versions of
  // what it refused, and says "*". gRPC: keeps its last subscription of a type to itself. Envoy:
  // waits for a cluster's endpoints for ever (`initial_fetch_timeout: 0`).
  bool odd = false;
  // It answers the newest of several responses only.
  bool coalesces = false;
  // It has the node id of the client before it, as after a hot restart (XDS C12).
  bool shares_node = false;
  // It uses the service of this type alone, without the type in its requests (XDS C1); -1: the
  // aggregated one. Textbook clients only.
  int only = -1;

  std::string Text() const;
};

// Something that happens. Each has its parameters in itself and none depends on how those before
// it went, so that any can be left out: one that cannot happen does nothing.
struct Step {
  enum class Kind {
    kPublish,    // `edits`
    kAdvance,    // `by` passes
    kWant,       // the client changes what it asks for: `type`, `names`, `how`
    kHandle,     // it takes in `count` messages; with `how` & 1 it does not answer them yet
    kAnswer,     // it answers what it did not yet: `type`; with `how` & 1 only the newest
    kRepeat,     // it says again what it said (XDS W13)
    kAfresh,     // it asks without a nonce (XDS W4), or with one that nobody sent (XDS D7)
    kDeaf,       // it does not read any more, or does again
    kReconnect,  // its stream ends and another begins; with `how` & 1 it took in what had arrived
    kRestart,    // another daemon on the same store, which knows what was refused
    kUnload,     // one that knows no node, and is not loaded until something is published
    kRest,       // everybody answers everything and time passes, until nothing happens any more
  };
  Kind kind = Kind::kRest;
  int client = -1;  // nobody's
  int type = 0;
  unsigned names = 0;  // a bit for each
  unsigned how = 0;
  int count = 0;
  absl::Duration by;
  std::vector<Edit> edits;

  std::string Text() const;
};

struct Script {
  std::vector<ClientPlan> clients;
  std::vector<Step> steps;

  std::string Text() const;
};

// A script of so many steps, by its seed alone.
Script Draw(unsigned seed, int steps);

}  // namespace signalbox::testing
