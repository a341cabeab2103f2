#include "server/xds/session.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/types/xdstp.h"
#include "server/xds/limits.h"

namespace signalbox {
namespace {

constexpr int kTypeUrlField = 4;
constexpr int kNonceField = 5;
constexpr int kControlPlaneIdentifierField = 1;

constexpr absl::string_view kWhyWithheld =
    "secrets go to proxies on this machine and over TLS only";

constexpr absl::string_view kListener = "listener";
constexpr absl::string_view kCluster = "cluster";
constexpr absl::string_view kEndpoints = "endpoints";
constexpr absl::string_view kSecret = "secret";

Subscription::Removals RemovalsOf(const ResourceType& type, Variant variant) {
  if (variant == Variant::kDelta) return Subscription::Removals::kTold;
  return type.full_state_in_sotw() ? Subscription::Removals::kByAbsence
                                   : Subscription::Removals::kNever;
}

std::vector<std::string> EndpointsOf(const Fragment& cluster) {
  std::vector<std::string> names;
  for (const Reference& reference : cluster.references().names) {
    if (reference.type == kEndpoints) names.push_back(reference.name);
  }
  return names;
}

}  // namespace

absl::string_view VariantName(Variant variant) {
  return variant == Variant::kDelta ? "delta" : "sotw";
}

Session::Session(const SessionContext* context, std::string stream_id, Variant variant)
    : context_(context), stream_id_(std::move(stream_id)), variant_(variant) {
  for (const ResourceType* type : context_->registry->in_push_order()) {
    TypeState state;
    state.subscription =
        std::make_unique<Subscription>(type, RemovalsOf(*type, variant), context_->diffs);
    state.subscription->set_first_overrun_wait(context_->overrun_after);
    types_.push_back(std::move(state));
  }
}

absl::StatusOr<Subscription*> Session::FindSubscription(absl::string_view type_url) {
  if (type_url.empty()) {
    if (only_.empty())
      return absl::InvalidArgumentError("type_url is required on an aggregated stream");
    type_url = only_;
  } else if (!only_.empty() && type_url != only_) {
    return absl::InvalidArgumentError(
        absl::StrCat("type_url is ", type_url.substr(0, limits::kMaxTokenBytes), " on a stream of ",
                     only_, "; ask for it on its own service or on the aggregated one"));
  }
  const ResourceType* type = context_->registry->FindByUrl(type_url);
  return type == nullptr ? nullptr : types_[type->index()].subscription.get();
}

const Session::TypeState* Session::Find(absl::string_view short_name) const {
  const ResourceType* type = context_->registry->FindByShortName(short_name);
  return type == nullptr ? nullptr : &types_[type->index()];
}

absl::Status Session::CheckToken(absl::string_view what, absl::string_view token) const {
  if (token.size() <= limits::kMaxTokenBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is longer than ", limits::kMaxTokenBytes, " bytes: ", token.size()));
}

std::string Session::ErrorText(const std::string& text) {
  absl::string_view kept = text;
  if (kept.size() > limits::kMaxErrorBytes) {
    size_t end = limits::kMaxErrorBytes;
    while (end > 0 && (static_cast<unsigned char>(kept[end]) & 0xc0) == 0x80) --end;
    kept = kept.substr(0, end);
  }
  return std::string(absl::StripTrailingAsciiWhitespace(kept));
}

void Session::OnTargets(const View& view, absl::Time now) {
  has_targets_ = true;
  unproven_ = view.unproven;
  for (TypeState& state : types_) {
    const size_t index = state.subscription->type().index();
    state.subscription->SetTarget(view.targets[index], view.revision);
  }
  AfterTargets();
}

void Session::OnWritten(absl::Time now) { writing_ = false; }

void Session::OnTime(absl::Time now) {
  if (now < orphans_at_) return;
  orphans_at_ = absl::InfiniteFuture();
  const TypeState* clusters = Find(kCluster);
  const TypeState* endpoints = Find(kEndpoints);
  if (clusters != nullptr && endpoints != nullptr && !clusters->subscription->active()) {
    endpoints->subscription->ResendAll();
  }
}

std::string Session::NextNonce() { return absl::StrCat(stream_id_, "-", ++nonces_); }

void Session::AppendCommonHead(const ResourceType& type, const std::string& nonce,
                               int control_plane_field, std::string* head) {
  AppendField(kTypeUrlField, type.type_url(), head);
  AppendField(kNonceField, nonce, head);
  if (introduced_) return;
  introduced_ = true;
  std::string control_plane;
  AppendField(kControlPlaneIdentifierField, context_->server_id, &control_plane);
  AppendField(control_plane_field, control_plane, head);
}

void Session::Oversized(const ResourceType& type, const Fragment& fragment) {
  events_.push_back({SessionEvent::Kind::kOversized,
                     &type,
                     {},
                     {},
                     {fragment.name()},
                     absl::StrCat(fragment.delta_form().size(), " bytes")});
}

void Session::FollowClusters(const std::vector<FragmentPtr>& clusters) {
  const TypeState* endpoints = Find(kEndpoints);
  if (endpoints == nullptr) return;
  if (endpoints->subscription->active()) {
    for (const FragmentPtr& cluster : clusters)
      endpoints->subscription->Resend(EndpointsOf(*cluster));
    return;
  }
  for (const FragmentPtr& cluster : clusters) {
    if (!EndpointsOf(*cluster).empty()) unfollowed_.insert_or_assign(cluster->name(), cluster);
  }
  const TypeSet& target = Find(kCluster)->subscription->target();
  std::erase_if(unfollowed_, [&](const auto& cluster) { return !target.Contains(cluster.first); });
}

void Session::FollowEarlierClusters() {
  for (const auto& [name, cluster] : std::exchange(unfollowed_, {})) {
    Find(kEndpoints)->subscription->Resend(EndpointsOf(*cluster));
  }
}

void Session::AfterAck(Subscription& subscription, const Subscription::Settled& settled,
                       absl::Time now) {
  if (!settled.known) return;
  TypeState& state = types_[subscription.type().index()];
  state.changed_at = state.answered_at = now;
  events_.push_back(
      {SessionEvent::Kind::kAck, &subscription.type(), settled.revision, settled.elapsed, {}, ""});
  if (settled.refused.empty()) return;
  events_.push_back({SessionEvent::Kind::kConvicted, &subscription.type(), settled.revision,
                     settled.elapsed, settled.refused, subscription.last_error()});
}

void Session::AfterNack(Subscription& subscription, const Subscription::Settled& settled,
                        absl::string_view error, absl::Time now) {
  if (!settled.known) return;
  TypeState& state = types_[subscription.type().index()];
  state.changed_at = state.answered_at = now;
  events_.push_back({SessionEvent::Kind::kNack, &subscription.type(), settled.revision,
                     settled.elapsed, settled.refused, std::string(error)});
}

std::string Session::ReasonToWait(const TypeState& state, const Fragment& wanted,
                                  const Held& has) const {
  // XDS O1b: only where this stream gets all clusters is it known that a missing acknowledgement
  // means warming. Clusters made of clusters come with them.
  if (state.subscription->type().short_name() == kCluster) return "";
  const TypeState* clusters = Find(kCluster);
  if (clusters == nullptr || !clusters->subscription->wildcard()) return "";
  const Held used = state.subscription->Acked(wanted.name());
  const auto refers = [](const Held& held, const Reference& reference) {
    return held.fragment() != nullptr && held.fragment()->RefersTo(reference);
  };
  for (const Reference& reference : wanted.references().names) {
    if (reference.type != kCluster || !clusters->subscription->target().Contains(reference.name))
      continue;
    // What it refuses it does not use, and nobody knows that before it answers.
    if (refers(has, reference) && refers(used, reference)) continue;
    const Held acked = clusters->subscription->Acked(reference.name);
    if (acked.absent() || acked.unknown() ||
        clusters->subscription->RemovalUnderWay(reference.name))
      return absl::StrCat("cluster/", reference.name, " to be acknowledged");
  }
  return "";
}

std::string Session::ReferrerOf(const TypeState& state, const std::string& name,
                                AllReferrers* referrers) const {
  if (!referrers->has_value()) {
    referrers->emplace();
    for (const TypeState& other : types_) {
      (*referrers)
          ->push_back(other.subscription->type().refers_to().empty()
                          ? Referrers()
                          : other.subscription->FindReferrers());
    }
  }
  const Reference reference = {std::string(state.subscription->type().short_name()), name};
  for (const TypeState& other : types_) {
    const ResourceType& type = other.subscription->type();
    if (type.refers_to().empty()) continue;
    const Referrers& its = (**referrers)[static_cast<size_t>(type.index())];
    std::string found = its.Find(reference);
    // One response may take away a cluster and bring what nobody knew in place of another.
    const bool may_refer =
        &other != &state && absl::c_linear_search(type.refers_to(), reference.type);
    if (found.empty() && may_refer) found = its.unknown();
    if (!found.empty()) return absl::StrCat(type.short_name(), "/", found);
  }
  return "";
}

absl::Duration Session::Grace(const TypeState& state, const Waiting& waiting) const {
  const absl::string_view type = state.subscription->type().short_name();
  if (type != kCluster) {
    // Endpoints and secrets go when what they are for has gone, if that is known.
    const bool follows = Find(kCluster)->subscription->active();
    return (type == kEndpoints || type == kSecret) && !follows ? context_->removal_grace
                                                               : absl::ZeroDuration();
  }
  const bool opaque = std::any_of(types_.begin(), types_.end(), [](const TypeState& other) {
    return other.subscription->active() &&
           (other.subscription->target().opaque() || other.subscription->sent().base()->opaque());
  });
  return std::max({context_->removal_grace,
                   opaque ? context_->removal_grace_opaque : absl::ZeroDuration(),
                   waiting.drains ? context_->listener_drain : absl::ZeroDuration()});
}

absl::Duration Session::WaitLimit(const Fragment* wanted) const {
  return wanted != nullptr ? context_->warm_timeout : context_->hold_max;
}

void Session::Release(TypeState& state, const std::string& name, Waiting& waiting,
                      absl::Duration waited, std::string reason) {
  waiting.released = true;
  events_.push_back({SessionEvent::Kind::kReleased,
                     &state.subscription->type(),
                     state.subscription->revision(),
                     waited,
                     {name},
                     std::move(reason)});
}

bool Session::MustWait(TypeState& state, const std::string& name, const Fragment* wanted,
                       std::string reason, absl::Time now) {
  if (reason.empty()) {
    state.waiting.erase(name);
    return false;
  }
  Waiting& waiting = state.waiting.try_emplace(name, Waiting{now}).first->second;
  if (waiting.released) return false;
  if (now - waiting.since < WaitLimit(wanted)) return true;
  Release(state, name, waiting, WaitLimit(wanted), std::move(reason));
  return false;
}

bool Session::MustStay(TypeState& state, const std::string& name, AllReferrers* referrers,
                       absl::Time now) {
  Waiting& waiting = state.waiting.try_emplace(name, Waiting{now}).first->second;
  if (waiting.released) return false;
  std::string referrer = ReferrerOf(state, name, referrers);
  if (referrer.empty()) {
    waiting.unreferred = std::min(waiting.unreferred, now);
    if (now - waiting.unreferred >= Grace(state, waiting)) {
      waiting.released = true;
      return false;
    }
  } else {
    waiting.unreferred = absl::InfiniteFuture();
    waiting.drains |= absl::StartsWith(referrer, absl::StrCat(kListener, "/"));
  }
  if (now - waiting.since < context_->hold_max) return true;
  Release(state, name, waiting, context_->hold_max, std::move(referrer));
  return false;
}

std::string Session::WhyHeld(const TypeState& state, const std::string& name,
                             const Waiting& waiting) const {
  const Fragment* const wanted = state.subscription->target().Find(name);
  if (wanted != nullptr) return ReasonToWait(state, *wanted, state.subscription->Sent(name));
  AllReferrers referrers;
  const std::string referrer = ReferrerOf(state, name, &referrers);
  if (!referrer.empty()) return absl::StrCat(referrer, " to let go of it");
  return absl::StrCat("requests under way, for ", absl::FormatDuration(Grace(state, waiting)));
}

Subscription::Pending Session::FindPending(TypeState& state, absl::Time now) {
  const Subscription& subscription = *state.subscription;
  AllReferrers referrers;
  const auto hold = [&](const std::string& name, const Fragment* wanted, const Held& has) {
    if (wanted != nullptr)
      return MustWait(state, name, wanted, ReasonToWait(state, *wanted, has), now);
    // That a name does not exist is told at once (XDS D4): nothing is removed by it.
    if (has.absent()) return false;
    return MustStay(state, name, &referrers, now);
  };
  Subscription::Pending pending = subscription.FindPending(hold);
  std::erase_if(state.waiting, [&](const auto& waiting) {
    return !waiting.second.released &&
           !std::binary_search(pending.kept_back.begin(), pending.kept_back.end(), waiting.first);
  });
  // A listener does not go before the one that takes its place may come (XDS O1).
  const bool addition_waits =
      std::any_of(state.waiting.begin(), state.waiting.end(), [&](const auto& waiting) {
        return !waiting.second.released && subscription.target().Contains(waiting.first);
      });
  if (subscription.type().short_name() == kListener && addition_waits && !pending.changes.empty() &&
      pending.changes.front().fragment == nullptr) {
    return subscription.FindPending(
        [&](const std::string& name, const Fragment* wanted, const Held& has) {
          return (wanted == nullptr && !has.absent()) || hold(name, wanted, has);
        });
  }
  return pending;
}

std::vector<std::string> Session::FindMissing(TypeState& state,
                                              const Subscription::Pending& pending) const {
  const Subscription& subscription = *state.subscription;
  std::vector<std::string> missing;
  if (!client_->reads_errors || subscription.type().delta_only()) return missing;
  std::erase_if(state.told_missing, [&](const std::string& name) {
    return !subscription.names().Contains(name) || subscription.target().Contains(name);
  });
  std::set<absl::string_view> removed;
  for (const Subscription::Change& change : pending.changes) {
    if (change.fragment == nullptr) removed.insert(change.name);
  }
  for (const std::string& name : subscription.names().names()) {
    if (subscription.target().Contains(name) || IsCollection(name)) continue;
    const bool there = !subscription.Sent(name).absent() && !removed.contains(name);
    // In SotW it is not told that endpoints and the like have gone: what the client uses it keeps.
    if (there && RemovalsOf(subscription.type(), variant_) == Subscription::Removals::kNever)
      state.told_missing.insert(name);
    if (!there && !state.told_missing.contains(name)) missing.push_back(name);
  }
  return missing;
}

void Session::AppendErrors(const ResourceType& type, int field, std::string* head) {
  TypeState& state = types_[static_cast<size_t>(type.index())];
  for (const std::string& name : std::exchange(state.missing, {})) {
    AppendField(field, NotFound(name), head);
    state.told_missing.insert(name);
  }
}

void Session::AskedAgain(const ResourceType& type, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    types_[static_cast<size_t>(type.index())].told_missing.erase(name);
}

bool Session::Settled(const TypeState& state) const {
  if (!state.subscription->active()) return true;
  if (state.subscription->outstanding()) return false;
  if (!state.subscription->MayHavePending()) return true;
  const auto never = [](const std::string&, const Fragment*, const Held&) { return false; };
  return state.subscription->FindPending(never).settled();
}

std::optional<Response> Session::Next(absl::Time now) {
  if (writing_ || !has_targets_ || LeftAlone()) return std::nullopt;
  for (TypeState& state : types_) {
    Subscription& subscription = *state.subscription;
    if (Withheld(subscription)) {
      NoteWithheld(subscription);
      continue;
    }
    if (!subscription.MayHavePending()) {
      state.waiting.clear();
      continue;
    }
    const bool overruns = subscription.outstanding() && !subscription.continuing();
    if (overruns && now < subscription.overrun_at()) continue;
    Subscription::Pending pending = FindPending(state, now);
    state.missing = FindMissing(state, pending);
    pending.answer_due |= !state.missing.empty() || OwesMore(subscription, pending);
    if (pending.empty()) {
      subscription.OnNothingToTell(pending);
      continue;
    }
    std::optional<Response> response = Compose(subscription, pending, now);
    if (!response.has_value()) continue;
    if (!subscription.continuing())
      std::erase_if(state.waiting, [](const auto& w) { return w.second.released; });
    if (overruns) subscription.OnOverrun(context_->longest_overrun);
    state.changed_at = now;
    writing_ = true;
    return response;
  }
  NoteSynced(now);
  std::optional<Response> heartbeat = ComposeHeartbeat(now);
  writing_ = heartbeat.has_value();
  return heartbeat;
}

void Session::NoteWithheld(const Subscription& subscription) {
  if (told_of_secrets_ || !subscription.active()) return;
  told_of_secrets_ = true;
  events_.push_back({SessionEvent::Kind::kWithheld,
                     &subscription.type(),
                     subscription.revision(),
                     {},
                     {},
                     std::string(kWhyWithheld)});
}

void Session::NoteSynced(absl::Time now) {
  for (TypeState& state : types_) {
    const Subscription& subscription = *state.subscription;
    if (!subscription.active() || state.synced == subscription.revision()) continue;
    if (!Settled(state)) continue;
    // What was refused stays refused: the client does not have all of this revision.
    if (subscription.refusing()) continue;
    state.synced = subscription.revision();
    state.changed_at = now;
  }
}

absl::Time Session::NextDeadline(absl::Time now) const {
  absl::Time next = orphans_at_;
  const auto consider = [&](absl::Time time) {
    if (time > now) next = std::min(next, time);
  };
  consider(next_heartbeat());
  for (const TypeState& state : types_) {
    const Subscription& subscription = *state.subscription;
    if (subscription.outstanding() && subscription.MayHavePending())
      consider(subscription.overrun_at());
    for (const auto& [name, waiting] : state.waiting) {
      if (waiting.released) continue;
      consider(waiting.since + WaitLimit(subscription.target().Find(name)));
      if (waiting.unreferred != absl::InfiniteFuture())
        consider(waiting.unreferred + Grace(state, waiting));
    }
  }
  return next;
}

std::vector<const ResourceType*> Session::TakeAsked() {
  std::vector<const ResourceType*> asked;
  for (TypeState& state : types_) {
    if (state.subscription->active() && !std::exchange(state.told_asked, true))
      asked.push_back(&state.subscription->type());
  }
  return asked;
}

void Session::Remember(const ResourceType& type, NodeMemory memory) {
  TypeState& state = types_[type.index()];
  Subscription& subscription = *state.subscription;
  for (Refusal& refusal : memory.refused) subscription.refusals().Remember(std::move(refusal));
  if (has_targets_) subscription.refusals().OnTarget(subscription.target());
  state.left_unsettled = !memory.unsettled.empty();
  std::vector<Holding::Exception> unsettled;
  for (const std::string& name : memory.unsettled) {
    if (subscription.Covers(name) && subscription.Sent(name).absent())
      unsettled.emplace_back(name, Held::Unknown());
  }
  subscription.AssumeHeld(std::move(unsettled));
}

void Session::WatchForOrphans(absl::Time now) {
  const TypeState* clusters = Find(kCluster);
  if (clusters != nullptr && clusters->subscription->active()) return;
  if (client_.has_value() && client_->is_envoy) orphans_at_ = now + context_->orphan_after;
}

std::vector<RefusalChange> Session::TakeRefusalChanges() {
  std::vector<RefusalChange> changes;
  for (const TypeState& state : types_) {
    Refusals& refusals = state.subscription->refusals();
    if (!refusals.changed()) continue;
    for (auto& [name, before] : refusals.TakeChanged()) {
      RefusalChange change{std::string(state.subscription->type().short_name()), name, before, {}};
      const auto refused = refusals.refused().find(name);
      if (refused != refusals.refused().end()) change.refusal = refused->second;
      changes.push_back(std::move(change));
    }
  }
  return changes;
}

std::map<std::string, std::vector<std::string>> Session::Unsettled() const {
  std::map<std::string, std::vector<std::string>> unsettled;
  for (const TypeState& state : types_) {
    if (!state.subscription->active()) continue;
    unsettled[std::string(state.subscription->type().short_name())] =
        state.subscription->Unsettled();
  }
  return unsettled;
}

void Session::Retry() {
  for (const TypeState& state : types_) state.subscription->Retry();
  OnRetry();
}

NodeTypeStatus Session::TypeStatus(const TypeState& state, absl::Time now) const {
  const Subscription& subscription = *state.subscription;
  NodeTypeStatus status;
  status.type = std::string(subscription.type().short_name());
  status.revision = state.synced;
  status.since = state.changed_at;
  for (const auto& [name, refusal] : subscription.refusals().refused()) {
    if (!subscription.Covers(name)) continue;
    status.refused.push_back(name);
    if (status.detail.empty())
      status.detail = absl::StrCat(status.type, "/", name, ": ", refusal.error);
    status.error = refusal.error;
  }
  if (subscription.refusing()) {
    status.state = NodeState::kNack;
    if (status.error.empty()) status.error = subscription.last_error();
    if (status.detail.empty()) status.detail = absl::StrCat("finding the cause of: ", status.error);
    return status;
  }
  if (!subscription.wildcard() && subscription.names().empty()) {
    status.state = NodeState::kIdle;
    return status;
  }
  if (Withheld(subscription)) {
    status.state = NodeState::kHeld;
    status.detail = std::string(kWhyWithheld);
    return status;
  }
  if (LeftAlone()) {
    status.state = NodeState::kHeld;
    status.detail =
        "the store is empty, and the proxy keeps what it has until the first change or `signalbox "
        "db adopt --yes`";
    return status;
  }
  if (subscription.outstanding()) {
    status.since = subscription.outstanding_since();
    const bool others_answer =
        std::any_of(types_.begin(), types_.end(), [&](const TypeState& other) {
          return &other != &state && other.answered_at > subscription.outstanding_since();
        });
    if (status.type == kCluster && others_answer) {
      status.state = NodeState::kWarming;
      status.detail = "clusters are warming";
    } else if (now - subscription.outstanding_since() >= context_->ack_deadline) {
      status.state = NodeState::kStale;
      status.detail = absl::StrCat(
          "sent ", absl::FormatDuration(absl::Floor(now - status.since, absl::Seconds(1))),
          " ago, no answer");
    } else {
      status.state = NodeState::kPending;
    }
    return status;
  }
  const auto held = std::find_if(state.waiting.begin(), state.waiting.end(),
                                 [](const auto& waiting) { return !waiting.second.released; });
  if (held != state.waiting.end()) {
    const std::string& name = held->first;
    status.state = NodeState::kHeld;
    status.detail =
        absl::StrCat(status.type, "/", name, " waits for ", WhyHeld(state, name, held->second));
    status.since = held->second.since;
    return status;
  }
  status.state = Settled(state) ? NodeState::kSynced : NodeState::kPending;
  return status;
}

NodeStatus Session::Status(absl::Time now) const {
  NodeStatus status;
  if (client_.has_value()) {
    status.id = client_->node_id;
    status.client = client_->agent;
  }
  status.variant = std::string(VariantName(variant_));
  status.of_one_type = !only_.empty();
  for (const TypeState& state : types_) {
    if (state.subscription->active()) status.types.push_back(TypeStatus(state, now));
  }
  SumUp(&status);
  return status;
}

}  // namespace signalbox
