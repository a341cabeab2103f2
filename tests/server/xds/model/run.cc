#include "tests/server/xds/model/run.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/server/xds/model/client.h"
#include "tests/server/xds/model/envoy_client.h"
#include "tests/server/xds/model/grpc_client.h"
#include "tests/server/xds/model/scene.h"
#include "tests/server/xds/model/textbook_client.h"

namespace signalbox::testing {
namespace {

std::unique_ptr<Client> MakeClient(Scene* scene, size_t number, const std::string& node,
                                   const ClientPlan& plan) {
  const std::string who = absl::StrCat("client ", number);
  switch (plan.kind) {
    case ClientPlan::Kind::kSotw:
    case ClientPlan::Kind::kDelta:
      return MakeTextbookClient(scene, who, plan, node);
    case ClientPlan::Kind::kGrpc:
      return MakeGrpcClient(scene, who, plan, node);
    case ClientPlan::Kind::kEnvoySotw:
    case ClientPlan::Kind::kEnvoyDelta:
      return MakeEnvoyClient(scene, who, plan, node);
  }
  return nullptr;
}

class Player {
 public:
  Player(XdsBodies* bodies, const Script& script) : script_(script) {
    scene_.bodies = bodies;
    scene_.server = std::make_unique<Server>(bodies, &scene_.clock);
    std::string node;
    for (size_t i = 0; i < script.clients.size(); ++i) {
      if (!script.clients[i].shares_node || i == 0) node = absl::StrCat("node-", i);
      ClientPlan plan = script.clients[i];
      // Its twin may be the next one.
      plan.shares_node |= i + 1 < script.clients.size() && script.clients[i + 1].shares_node;
      clients_.push_back(MakeClient(&scene_, i, node, plan));
    }
  }

  Outcome Play() {
    Outcome outcome;
    for (const Step& step : script_.steps) {
      ++outcome.steps;
      Take(step);
      if (!scene_.violations.empty()) break;
    }
    if (scene_.violations.empty()) Take(Step{});
    outcome.wrong = scene_.violations;
    outcome.trace = scene_.trace;
    return outcome;
  }

 private:
  void Take(const Step& step) {
    scene_.trace.push_back(step.Text());
    switch (step.kind) {
      case Step::Kind::kPublish:
        Publish(step.edits);
        break;
      case Step::Kind::kAdvance:
        Advance(step.by);
        break;
      case Step::Kind::kRestart:
      case Step::Kind::kUnload:
        Restart(step.kind == Step::Kind::kRestart);
        break;
      case Step::Kind::kRest:
        Rest();
        break;
      default:
        if (static_cast<size_t>(step.client) < clients_.size())  // which -1 is not
          clients_[static_cast<size_t>(step.client)]->OnStep(step);
    }
    PumpAll();
    for (const auto& client : clients_) client->connection().CheckIdle();
  }

  void PumpAll() {
    for (const auto& client : clients_) client->connection().Pump();
  }

  void Load() {
    if (scene_.server->snapshot() != nullptr) return;
    if (before_ != nullptr && before_->snapshot() != nullptr) {
      scene_.server->PublishAs(*before_);
    } else {
      scene_.server->Publish({});
    }
    before_.reset();
  }

  void Publish(const std::vector<Edit>& edits) {
    Load();
    for (const Edit& edit : edits) {
      const std::string name = NameOf(edit.name);
      if (!edit.tag.empty() || scene_.world.Now(edit.type, name).empty()) continue;
      for (const auto& client : clients_) client->connection().OnDeleted(edit.type, name);
    }
    scene_.world.Publish(edits, scene_.clock.Now());
    scene_.server->Publish(ServerEdits(edits));
  }

  void Restart(bool loaded) {
    scene_.clock.Advance(absl::Seconds(1));
    auto next = std::make_unique<Server>(scene_.bodies, &scene_.clock);
    std::unique_ptr<Server> old = std::exchange(scene_.server, std::move(next));
    if (loaded && old->snapshot() != nullptr) {
      scene_.server->PublishAs(*old);
      scene_.server->LearnFrom(*old);
    }
    for (const auto& client : clients_) {
      client->OnDaemonGone();
      client->connection().Pump();
    }
    if (scene_.server->snapshot() == nullptr && old->snapshot() != nullptr)
      before_ = std::move(old);
  }

  void Advance(absl::Duration by) {
    const absl::Time until = scene_.clock.Now() + by;
    while (scene_.violations.empty()) {
      absl::Time next = scene_.server->timers().NextDue();
      for (const auto& client : clients_) next = std::min(next, client->NextDue());
      if (next > until) break;
      scene_.clock.Advance(std::max(absl::ZeroDuration(), next - scene_.clock.Now()));
      scene_.server->timers().Fire(scene_.clock.Now());
      for (const auto& client : clients_) client->OnTime();
      PumpAll();
    }
    scene_.clock.Advance(until - scene_.clock.Now());
  }

  void Rest() {
    Load();
    // Where something is withheld for ever, by a client or from one that refuses, that ends with
    // `hold_max`; for what waits for it in turn, with another.
    for (int i = 0; i < 3; ++i) {
      Settle();
      if (!scene_.violations.empty()) return;
      const bool waits = std::any_of(clients_.begin(), clients_.end(),
                                     [](const auto& client) { return client->Waits(); });
      if (!waits || i == 2) break;
      Advance(absl::Minutes(16));
    }
    for (const auto& client : clients_) client->AtRest();
  }

  // Until nothing more happens, long enough for all that waits for a cluster that will never be
  // acknowledged.
  void Settle() {
    for (int quiet = 0, rounds = 0; quiet < 3 && scene_.violations.empty(); ++rounds) {
      bool any = false;
      for (const auto& client : clients_) any |= client->CatchUp();
      quiet = any ? 0 : quiet + 1;
      if (!any) Advance(absl::Seconds(21));
      if (rounds > 300) scene_.violations.push_back("it does not come to rest");
    }
  }

  const Script& script_;
  Scene scene_;
  std::unique_ptr<Server> before_;  // its snapshot is what is in the store
  std::vector<std::unique_ptr<Client>> clients_;
};

// Tries scripts that are smaller than the one it has, and takes those in which something is still
// wrong.
class Shrinker {
 public:
  Shrinker(XdsBodies* bodies, Script script, absl::Duration budget)
      : bodies_(bodies), best_(std::move(script)), until_(absl::Now() + budget) {
    Try(best_);
  }

  Script Run() {
    while (absl::Now() < until_) {
      bool any = DropSteps();
      any |= DropClients();
      any |= SimplifySteps();
      any |= SimplifyClients();
      if (!any) break;
    }
    return best_;
  }

 private:
  bool Try(const Script& script) {
    if (absl::Now() >= until_) return false;
    const Outcome outcome = Play(bodies_, script);
    if (outcome.wrong.empty()) return false;
    best_ = script;
    best_.steps.resize(std::min(best_.steps.size(), outcome.steps));
    return true;
  }

  bool DropSteps() {
    bool any = false;
    for (size_t length = std::max<size_t>(best_.steps.size() / 2, 1); length > 0; length /= 2) {
      for (size_t at = best_.steps.size(); at > 0;) {
        at = std::min(at, best_.steps.size());
        const size_t from = at > length ? at - length : 0;
        Script script = best_;
        script.steps.erase(script.steps.begin() + static_cast<ptrdiff_t>(from),
                           script.steps.begin() + static_cast<ptrdiff_t>(at));
        any |= Try(script);
        at = from;
      }
    }
    return any;
  }

  bool DropClients() {
    bool any = false;
    for (int client = static_cast<int>(best_.clients.size()) - 1; client >= 0; --client) {
      Script script = best_;
      script.clients.erase(script.clients.begin() + client);
      std::erase_if(script.steps, [&](const Step& step) { return step.client == client; });
      for (Step& step : script.steps) step.client -= step.client > client ? 1 : 0;
      any |= Try(script);
    }
    return any;
  }

  bool SimplifySteps() {
    bool any = false;
    for (size_t i = 0; i < best_.steps.size(); ++i) {
      for (size_t e = best_.steps[i].edits.size(); e > 0; --e) {
        any |= TryStep(i, [&](Step* step) {
          if (e <= step->edits.size())
            step->edits.erase(step->edits.begin() + static_cast<ptrdiff_t>(e - 1));
        });
      }
      for (unsigned bit = 0; bit < kNames; ++bit)
        any |= TryStep(i, [&](Step* step) { step->names &= ~(1u << bit); });
      for (const unsigned how : {0u, 1u}) {
        if (best_.steps.size() > i && best_.steps[i].how > how)
          any |= TryStep(i, [&](Step* step) { step->how = how; });
      }
    }
    return any;
  }

  template <typename Change>
  bool TryStep(size_t i, Change&& change) {
    if (i >= best_.steps.size()) return false;
    Script script = best_;
    Step& step = script.steps[i];
    const std::string before = step.Text();
    change(&step);
    return step.Text() != before && Try(script);
  }

  bool SimplifyClients() {
    bool any = false;
    for (size_t i = 0; i < best_.clients.size(); ++i) {
      for (bool ClientPlan::*flag :
           {&ClientPlan::odd, &ClientPlan::coalesces, &ClientPlan::shares_node}) {
        if (!(best_.clients[i].*flag)) continue;
        Script script = best_;
        script.clients[i].*flag = false;
        any |= Try(script);
      }
      if (best_.clients[i].only >= 0) {
        Script script = best_;
        script.clients[i].only = -1;
        any |= Try(script);
      }
    }
    return any;
  }

  XdsBodies* const bodies_;
  Script best_;
  const absl::Time until_;
};

}  // namespace

Outcome Play(XdsBodies* bodies, const Script& script) { return Player(bodies, script).Play(); }

Script Shrink(XdsBodies* bodies, Script script, absl::Duration budget) {
  return Shrinker(bodies, std::move(script), budget).Run();
}

}  // namespace signalbox::testing
