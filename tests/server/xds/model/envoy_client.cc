#include "tests/server/xds/model/envoy_client.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace signalbox::testing {
namespace {

constexpr absl::Duration kInitialFetchTimeout = absl::Seconds(15);
constexpr absl::Duration kWarmTimeout = absl::Seconds(20);
constexpr absl::Duration kHoldMax = absl::Minutes(15);

class EnvoyClient : public Client {
 public:
  EnvoyClient(Scene* scene, std::string who, const ClientPlan& plan, const std::string& node)
      : Client(scene, std::move(who),
               plan.kind == ClientPlan::Kind::kEnvoySotw ? Variant::kSotw : Variant::kDelta,
               {node, "envoy", "1.40.0"}, plan),
        waits_for_ever_(plan.odd),
        coalesces_(plan.coalesces) {
    const Channel::Traits manager{Judging::kByContent, false, true};
    const Channel::Traits single{Judging::kAllOrNone, false, true};
    AddChannels({manager, single, manager, single});
    channel(kCluster).Want(true, {});
  }

  absl::Time NextDue() const override {
    absl::Time next = absl::InfiniteFuture();
    for (const auto& [name, cluster] : clusters_) {
      if (cluster.warming && !(waits_for_ever_ && started_)) next = std::min(next, cluster.until);
    }
    return next;
  }

  void OnTime() override {
    if (waits_for_ever_ && started_) return;
    for (auto& [name, cluster] : clusters_) {
      if (!cluster.warming || scene_->clock.Now() < cluster.until) continue;
      connection_.Log(absl::StrCat("waits no more for the endpoints of ", name));
      cluster.warming = false;
    }
    Resume();
  }

 private:
  struct Cluster {
    std::string tag;
    bool eds = false;
    bool warming = false;
    bool serves = false;  // an earlier one of its name does, while it warms
    absl::Time until;
    std::string endpoints;  // that came since it did
    bool doubtful = false;  // it came on an earlier stream, or in the place of what is not known
  };

  void Begin() override {
    // Where their endpoints were refused, it lists those of the cluster before: nobody can know.
    for (auto& [name, cluster] : clusters_) cluster.doubtful |= !cluster.warming;
    if (!Paused()) channel(kCluster).Begin();
    channel(kEndpoints).Begin();
    channel(kListener).Begin();
    channel(kRoute).Begin();
  }

  void Handle(const Received& received, bool answer) override {
    std::map<std::string, std::string> before = channel(received.type).HeldAll();
    const Channel::Outcome outcome = channel(received.type).Take(received);
    switch (received.type) {
      case kCluster:
        TakeClusters(received, outcome);
        break;
      case kEndpoints:
        TakeEndpoints(outcome);
        break;
      case kListener:
        CheckTraffic(received, outcome, before);
        FollowListeners();
        break;
      default:
        CheckTraffic(received, outcome, before);
    }
    if (received.type != kCluster) channel(received.type).AnswerAll();
    Resume();
  }

  bool AnswerAll() override {
    const bool any = channel(kCluster).unanswered() && !Paused();
    Resume();
    return any;
  }

  bool Warming() const {
    return std::any_of(clusters_.begin(), clusters_.end(),
                       [](const auto& cluster) { return cluster.second.warming; });
  }
  bool Paused() const { return started_ && Warming(); }

  // What is due once no cluster warms.
  void Resume() {
    if (!started_ && has_clusters_ && !Warming()) {
      started_ = true;
      channel(kListener).Want(true, {});
    }
    if (Paused() || !connection_.up()) return;
    Channel& clusters = channel(kCluster);
    if (!clusters.begun()) clusters.Begin();
    if (coalesces_) {
      clusters.AnswerNewest();
    } else {
      clusters.AnswerAll();
    }
  }

  void TakeClusters(const Received& received, const Channel::Outcome& outcome) {
    has_clusters_ = true;
    const Channel& held = channel(kCluster);
    std::erase_if(clusters_, [&](const auto& entry) {
      if (held.Holds(entry.first)) return false;
      CheckUnused(received, entry.first);
      return true;
    });
    bool changed = false;
    for (const std::string& name : outcome.applied) {
      const std::string tag = held.Held(name);
      const auto found = clusters_.find(name);
      if (found != clusters_.end() && found->second.tag == tag) continue;
      Cluster cluster;
      cluster.tag = tag;
      cluster.eds = !absl::EndsWith(tag, ">static");
      cluster.warming = cluster.eds;
      cluster.serves = found != clusters_.end() && (found->second.serves || !found->second.warming);
      cluster.until = scene_->clock.Now() + kInitialFetchTimeout;
      cluster.doubtful = outcome.unsaid.contains(name);
      changed |= cluster.eds;
      clusters_[name] = std::move(cluster);
    }
    std::set<std::string> names;
    for (const auto& [name, cluster] : clusters_) {
      if (cluster.eds) names.insert(name);
    }
    if (names != channel(kEndpoints).names()) {
      channel(kEndpoints).Want(false, names);
    } else if (changed) {
      // SotW: it asks again in the same words (XDS W13); delta: not at all (D11).
      channel(kEndpoints).Repeat();
    }
  }

  void TakeEndpoints(const Channel::Outcome& outcome) {
    for (const std::string& name : outcome.applied) {
      const auto cluster = clusters_.find(name);
      if (cluster == clusters_.end()) continue;
      cluster->second.endpoints = channel(kEndpoints).Held(name);
      cluster->second.warming = false;
    }
    // Refused or removed endpoints end the wait with none.
    for (const auto* names : {&outcome.removed, &outcome.refused}) {
      for (const std::string& name : *names) {
        const auto cluster = clusters_.find(name);
        if (cluster != clusters_.end()) cluster->second.warming = false;
      }
    }
  }

  void FollowListeners() {
    std::set<std::string> routes;
    for (const auto& [name, tag] : channel(kListener).HeldAll()) {
      const std::string route = NamedBy(tag, "route");
      if (!route.empty()) routes.insert(route);
    }
    if (routes != channel(kRoute).names()) channel(kRoute).Want(false, routes);
  }

  // What newly names a cluster came after it (XDS O1b).
  void CheckTraffic(const Received& received, const Channel::Outcome& outcome,
                    const std::map<std::string, std::string>& before) {
    if (!received.asked.contains(kCluster)) return;
    // What it has is not known after it came back, so that no listener may be left out (XDS W8).
    if (connection_.variant() == Variant::kSotw && channel(received.type).came_back()) return;
    for (const std::string& name : outcome.applied) {
      const std::string tag = channel(received.type).Held(name);
      const auto had = before.find(name);
      const std::string old = had == before.end() ? "" : had->second;
      const std::string named = NamedBy(tag, "cluster");
      if (named.empty() || named == NamedBy(old, "cluster")) continue;
      const std::string& wanted = scene_->world.At(received.revision, kCluster, named);
      if (wanted.empty() || VerdictOf(wanted) != Verdict::kGood) continue;
      const auto cluster = clusters_.find(named);
      if (cluster != clusters_.end() && (!cluster->second.warming || cluster->second.serves))
        continue;
      // It may have been on its way before there was such a cluster.
      const int64_t published = scene_->world.FirstOf(received.type, name, tag, received.revision);
      if (scene_->world.WasAbsent(kCluster, named, published, received.revision)) continue;
      const absl::Time since =
          scene_->world.DiffersSince(received.type, name, old, received.revision);
      if (received.at - since >= kWarmTimeout) continue;
      connection_.Violation(absl::StrCat(received.Text(), ": cluster ", named,
                                         cluster == clusters_.end() ? " is not there" : " warms",
                                         " (O1b)"));
    }
  }

  // What named a cluster that goes names it no more (XDS O1).
  void CheckUnused(const Received& received, const std::string& cluster) {
    // What it has is not known after it came back.
    if (connection_.variant() == Variant::kSotw && channel(kCluster).came_back()) return;
    for (const int type : {kListener, kRoute}) {
      if (!received.asked.contains(type)) continue;
      for (const auto& [name, tag] : channel(type).HeldAll()) {
        if (NamedBy(tag, "cluster") != cluster) continue;
        const std::string& wanted = scene_->world.At(received.revision, type, name);
        const bool is_told =
            !wanted.empty() || connection_.variant() == Variant::kDelta || type == kListener;
        if (!is_told || NamedBy(wanted, "cluster") == cluster) continue;
        if (VerdictOf(wanted) != Verdict::kGood) continue;
        if (received.at - scene_->world.DiffersSince(kCluster, cluster, clusters_[cluster].tag,
                                                     received.revision) >=
            kHoldMax) {
          continue;
        }
        connection_.Violation(absl::StrCat(received.Text(), ": cluster ", cluster, " goes, and ",
                                           kTypes[static_cast<size_t>(type)].name, "/", name, "=",
                                           tag, " is in use (O1)"));
      }
    }
  }

  void CheckRest(std::vector<std::string>* wrong) override {
    for (const auto& [name, cluster] : clusters_) {
      if (!cluster.eds || (cluster.doubtful && cluster.endpoints.empty())) continue;
      const std::string& wanted = scene_->world.Now(kEndpoints, name);
      if (wanted.empty() || VerdictOf(wanted) != Verdict::kGood || wanted == cluster.endpoints)
        continue;
      wrong->push_back(absl::StrCat("cluster/", name, "=", cluster.tag,
                                    cluster.warming ? " warms" : " runs", " with endpoints '",
                                    cluster.endpoints, "', should have ", wanted, " (W13, D11)"));
    }
  }

  const bool waits_for_ever_;
  const bool coalesces_;
  std::map<std::string, Cluster> clusters_;
  bool has_clusters_ = false;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<Client> MakeEnvoyClient(Scene* scene, std::string who, const ClientPlan& plan,
                                        const std::string& node) {
  return std::make_unique<EnvoyClient>(scene, std::move(who), plan, node);
}

}  // namespace signalbox::testing
