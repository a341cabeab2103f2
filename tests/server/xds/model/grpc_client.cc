#include "tests/server/xds/model/grpc_client.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"

namespace signalbox::testing {
namespace {

class GrpcClient : public Client {
 public:
  GrpcClient(Scene* scene, std::string who, const ClientPlan& plan, const std::string& node)
      : Client(scene, std::move(who), Variant::kSotw, {node, "gRPC C-core", "1.51.0"}, plan),
        keeps_last_(plan.odd) {
    AddChannels(std::vector<Channel::Traits>(kTypes.size(), {Judging::kAllNamed, false, false}));
  }

 private:
  void Begin() override {
    for (const int type : {kListener, kRoute, kCluster, kEndpoints}) channel(type).Begin();
    Walk();
  }

  void Want(const Step& step) override {
    for (int i = 0; i < kNames; ++i) {
      if (((step.names >> i) & 1) == 0) continue;
      if (targets_.erase(NameOf(i)) == 0) targets_.insert(NameOf(i));
    }
    Walk();
  }

  void Handle(const Received& received, bool answer) override {
    channel(received.type).Take(received);
    channel(received.type).AnswerAll();
    Walk();
  }

  // Asks for what is needed by what it has.
  void Walk() {
    Need(kListener, targets_);
    std::set<std::string> routes, clusters, endpoints;
    for (const auto& [name, tag] : channel(kListener).HeldAll()) {
      Add(NamedBy(tag, "route"), &routes);
      Add(NamedBy(tag, "cluster"), &clusters);
    }
    Need(kRoute, routes);
    for (const auto& [name, tag] : channel(kRoute).HeldAll()) {
      if (routes.contains(name)) Add(NamedBy(tag, "cluster"), &clusters);
    }
    Need(kCluster, clusters);
    for (const auto& [name, tag] : channel(kCluster).HeldAll()) {
      if (clusters.contains(name) && !absl::EndsWith(tag, ">static")) endpoints.insert(name);
    }
    Need(kEndpoints, endpoints);
  }

  static void Add(const std::string& name, std::set<std::string>* names) {
    if (!name.empty()) names->insert(name);
  }

  void Need(int type, const std::set<std::string>& names) {
    if (names == channel(type).names()) return;
    if (names.empty() && keeps_last_) return;
    channel(type).Want(false, names);
  }

  const bool keeps_last_;
  std::set<std::string> targets_;
};

}  // namespace

std::unique_ptr<Client> MakeGrpcClient(Scene* scene, std::string who, const ClientPlan& plan,
                                       const std::string& node) {
  return std::make_unique<GrpcClient>(scene, std::move(who), plan, node);
}

}  // namespace signalbox::testing
