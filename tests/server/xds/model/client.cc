#include "tests/server/xds/model/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace signalbox::testing {

Client::Client(Scene* scene, std::string who, Variant variant, TestNode node,
               const ClientPlan& plan)
    : scene_(scene),
      connection_(scene, std::move(who), variant, std::move(node), plan.shares_node, plan.only,
                  [this](int type, const std::string& name) { return channel(type).Holds(name); }) {
}

void Client::AddChannels(const std::vector<Channel::Traits>& traits) {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    channels_.push_back(
        std::make_unique<Channel>(scene_, &connection_, static_cast<int>(i), traits[i]));
  }
}

void Client::TakeIn(bool answer) {
  const Received received = std::move(connection_.inbox.front());
  connection_.inbox.pop_front();
  connection_.Log(absl::StrCat("takes in ", received.Text()));
  Handle(received, answer);
}

void Client::Reconnect(bool takes_in) {
  while (takes_in && !connection_.inbox.empty()) TakeIn(false);
  connection_.Log("reconnects");
  connection_.Close();
  for (const auto& channel : channels_) channel->OnClosed();
  connection_.Open();
  Begin();
}

void Client::OnDaemonGone() { Reconnect(false); }

void Client::OnStep(const Step& step) {
  if (!connection_.up()) {
    for (const auto& channel : channels_) channel->OnClosed();
    connection_.Open();
    Begin();
  }
  switch (step.kind) {
    case Step::Kind::kWant:
      Want(step);
      break;
    case Step::Kind::kHandle:
      for (int i = 0; i < step.count && !connection_.inbox.empty(); ++i) {
        TakeIn((step.how & 1) == 0);
        connection_.Pump();
      }
      break;
    case Step::Kind::kAnswer:
      Answer(step);
      break;
    case Step::Kind::kRepeat:
      Repeat(step);
      break;
    case Step::Kind::kAfresh:
      Afresh(step);
      break;
    case Step::Kind::kDeaf:
      connection_.deaf = !connection_.deaf;
      connection_.Log(connection_.deaf ? "reads no more" : "reads again");
      break;
    case Step::Kind::kReconnect:
      Reconnect((step.how & 1) != 0);
      break;
    default:
      break;
  }
}

bool Client::AnswerAll() {
  bool any = false;
  for (const auto& channel : channels_) {
    any |= channel->unanswered();
    channel->AnswerAll();
  }
  return any;
}

bool Client::CatchUp() {
  bool any = false;
  if (!connection_.up()) {
    for (const auto& channel : channels_) channel->OnClosed();
    connection_.Open();
    Begin();
    any = true;
  }
  connection_.deaf = false;
  connection_.Pump();
  for (int i = 0; connection_.up(); ++i) {
    if (i > 400) {
      connection_.Violation("it never ends");
      return false;
    }
    bool more = AnswerAll();
    if (!connection_.inbox.empty()) {
      TakeIn(true);
      more = true;
    }
    connection_.Pump();
    if (!more) break;
    any = true;
  }
  return any;
}

bool Client::Waits() const {
  const NodeStatus status = connection_.Status();
  return std::any_of(status.types.begin(), status.types.end(),
                     [](const auto& type) {
                       return type.state == NodeState::kHeld || type.state == NodeState::kNack;
                     }) ||
         std::any_of(channels_.begin(), channels_.end(),
                     [](const auto& channel) { return channel->unanswered(); });
}

void Client::AtRest() {
  std::vector<std::string> its;
  connection_.CheckRest();
  for (const auto& channel : channels_) channel->AtRest(&its);
  CheckRest(&its);
  bool refuses = false, waits = false;
  for (size_t i = 0; i < channels_.size(); ++i) {
    waits |= channels_[i]->unanswered();
    for (const auto& [name, tag] : scene_->world.Of(static_cast<int>(i)))
      refuses |= channels_[i]->Covers(name) && VerdictOf(tag) != Verdict::kGood;
  }
  const NodeStatus status = connection_.Status();
  if (!refuses && !waits && status.state != NodeState::kSynced &&
      status.state != NodeState::kIdle) {
    its.push_back(absl::StrCat("its state is ", NodeStateName(status.state), ": ", status.detail));
  }
  if (its.empty()) return;
  for (const NodeTypeStatus& type : status.types)
    its.push_back(absl::StrCat("by the way, ", type.type, " is ", NodeStateName(type.state), " ",
                               type.detail));
  for (const std::string& text : its) connection_.Violation(text);
}

}  // namespace signalbox::testing
