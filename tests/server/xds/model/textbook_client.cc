#include "tests/server/xds/model/textbook_client.h"

#include <set>
#include <utility>

namespace signalbox::testing {
namespace {

class TextbookClient : public Client {
 public:
  TextbookClient(Scene* scene, std::string who, const ClientPlan& plan, const std::string& node)
      : Client(scene, std::move(who),
               plan.kind == ClientPlan::Kind::kSotw ? Variant::kSotw : Variant::kDelta,
               {node, "textbook", "1.0.0"}, plan),
        only_(plan.only) {
    const bool delta = plan.kind == ClientPlan::Kind::kDelta;
    AddChannels(std::vector<Channel::Traits>(kTypes.size(),
                                             {Judging::kByContent, plan.odd, delta && plan.odd}));
  }

 private:
  void Begin() override {
    for (int type = 0; type < static_cast<int>(kTypes.size()); ++type) channel(type).Begin();
  }

  void Handle(const Received& received, bool answer) override {
    Channel& its = channel(received.type);
    its.Take(received);
    if (answer) its.AnswerAll();
  }

  void Want(const Step& step) override {
    const int type = only_ < 0 ? step.type : only_;
    Channel& its = channel(type);
    bool wildcard = its.wildcard();
    const bool may = kTypes[static_cast<size_t>(type)].legacy_wildcard;
    if (may && (its.wants() ? step.how % 6 == 0 : step.how % 3 != 0)) wildcard = !wildcard;
    std::set<std::string> names = its.names();
    const unsigned more = step.how >> 4;
    if (!wildcard || more % 3 == 0) {
      for (int i = 0; i < kNames; ++i) {
        if (((step.names >> i) & 1) == 0) continue;
        if (names.erase(NameOf(i)) == 0) names.insert(NameOf(i));
      }
    }
    if (!its.begun() && !wildcard && names.empty()) {
      its.Begin(true);
      return;
    }
    std::set<std::string> again, idle;
    if ((more >> 2) % 3 == 0 && !names.empty()) again.insert(*names.begin());
    if ((more >> 4) % 5 == 0) idle.insert(NameOf(static_cast<int>((more >> 6) % kNames)));
    its.Want(wildcard, std::move(names), again, idle, (more >> 9) % 5 == 0 ? "never-sent" : "");
  }

  void Answer(const Step& step) override {
    Channel& its = channel(step.type);
    if (step.how & 1) {
      its.AnswerNewest();
    } else {
      its.AnswerOldest(!its.wants() && (step.how & 2) != 0);
    }
  }

  void Repeat(const Step& step) override { channel(step.type).Repeat((step.how & 1) != 0); }
  void Afresh(const Step& step) override { channel(step.type).Afresh(); }

  const int only_;  // the type whose service it uses; -1: all
};

}  // namespace

std::unique_ptr<Client> MakeTextbookClient(Scene* scene, std::string who, const ClientPlan& plan,
                                           const std::string& node) {
  return std::make_unique<TextbookClient>(scene, std::move(who), plan, node);
}

}  // namespace signalbox::testing
