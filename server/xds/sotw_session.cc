#include "server/xds/sotw_session.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "server/snapshot/restricted_version.h"
#include "server/types/xdstp.h"
#include "server/xds/limits.h"

namespace signalbox {
namespace {

constexpr int kVersionInfoField = 1;
constexpr int kControlPlaneField = 6;
constexpr int kResourceErrorsField = 7;

// More than the search for a cause takes steps.
constexpr size_t kRefusedVersions = 64;

// Of what the subscription covers of a set.
std::string VersionFor(const Subscription& subscription, const TypeSet& set) {
  return subscription.wildcard() ? set.version()
                                 : RestrictedVersion(set, subscription.names().names());
}

}  // namespace

SotwSession::SotwSession(const SessionContext* context, std::string stream_id)
    : Session(context, std::move(stream_id), Variant::kSotw),
      types_(context->registry->in_push_order().size()) {}

std::string SotwSession::TakeVersion(TypeState& state, const std::string& nonce) {
  const auto found = std::find_if(state.versions.begin(), state.versions.end(),
                                  [&](const auto& entry) { return entry.first == nonce; });
  if (found == state.versions.end()) return "";
  std::string version = std::move(found->second);
  state.versions.erase(state.versions.begin(), found + 1);
  return version;
}

absl::Status SotwSession::OnRequest(absl::string_view bytes, absl::Time now) {
  envoy::service::discovery::v3::DiscoveryRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(
        "the message is not an envoy.service.discovery.v3.DiscoveryRequest");
  }
  if (absl::Status status = ReadNode(request.has_node(), request.node()); !status.ok())
    return status;
  const absl::StatusOr<Subscription*> found = FindSubscription(request.type_url());
  if (!found.ok()) return found.status();
  if (*found == nullptr || (*found)->type().delta_only()) return absl::OkStatus();
  Subscription& subscription = **found;
  TypeState& state = types_[subscription.type().index()];
  if (static_cast<size_t>(request.resource_names_size()) +
          static_cast<size_t>(request.resource_locators_size()) >
      limits::kMaxNamesPerType) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "more than ", limits::kMaxNamesPerType, " names of ", subscription.type().short_name()));
  }

  // An answer is told by its nonce alone, a refusal by error_detail alone (XDS W1, W3).
  const std::string& nonce = request.response_nonce();
  if (!nonce.empty()) {
    const std::string version = TakeVersion(state, nonce);
    if (request.has_error_detail()) {
      const std::string error = ErrorText(request.error_detail().message());
      const Subscription::Settled settled = subscription.OnNack(nonce, error, now);
      AfterNack(subscription, settled, error, now);
      FollowClusters(settled.once_more);
      if (settled.rest_applied) state.refused_versions.clear();
      // Where a newer one is under way nothing follows from this refusal: the same may be tried
      // again.
      if (!version.empty() && !subscription.outstanding()) {
        state.refused_versions.push_back(version);
      }
      if (state.refused_versions.size() > kRefusedVersions) state.refused_versions.pop_front();
    } else if (version == request.version_info()) {
      if (!version.empty()) state.refused_versions.clear();
      AfterAck(subscription, subscription.OnAck(nonce, now), now);
    } else {
      subscription.OnUndecided(nonce, now);
    }
  }

  // Names count in any request, however old its nonce (XDS W3).
  const bool first = !subscription.active();
  const bool afresh = !first && nonce.empty() && subscription.anything_settled();
  bool wildcard = false;
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(request.resource_names_size()));
  const auto take = [&](const std::string& name) {
    if (absl::Status status = CheckToken("a resource name", name); !status.ok()) return status;
    state.named = true;
    if (name == "*") {
      wildcard = true;
    } else {
      names.push_back(NormalizedName(name));
    }
    return absl::OkStatus();
  };
  for (const std::string& name : request.resource_names()) {
    if (absl::Status status = take(name); !status.ok()) return status;
  }
  // Variants by dynamic parameters there are none of: a locator is a name (XDS D15, X4).
  for (const auto& locator : request.resource_locators()) {
    if (absl::Status status = take(locator.name()); !status.ok()) return status;
  }
  if (!state.named) wildcard = subscription.type().legacy_wildcard();
  NameSetPtr interned = context().names->Intern(std::move(names));
  if (first || wildcard != subscription.wildcard() || interned.get() != &subscription.names()) {
    subscription.SetInterest(wildcard, std::move(interned), {});
  }
  if (first || afresh) {
    const bool full_state = subscription.type().full_state_in_sotw();
    if (full_state) subscription.OweAnswer();
    if (first) {
      if (full_state && !request.version_info().empty()) subscription.AssumeUnknown();
      state.presented_version = request.version_info();
      if (!request.version_info().empty()) NotePresented();
    } else {
      AskedAgain(subscription.type(), subscription.names().names());
      subscription.ResendAll();
    }
  }
  return absl::OkStatus();
}

void SotwSession::OnRetry() {
  for (size_t i = 0; i < types_.size(); ++i) {
    if (types_[i].refused_versions.empty()) continue;
    types_[i].refused_versions.clear();
    subscription(i).ResendAll();
  }
}

std::optional<Response> SotwSession::Compose(Subscription& subscription,
                                             const Subscription::Pending& pending, absl::Time now) {
  const ResourceType& type = subscription.type();
  TypeState& state = types_[type.index()];
  const std::string presented = std::exchange(state.presented_version, "");
  Response response;
  response.type = &type;
  std::string version;
  if (type.full_state_in_sotw()) {
    TypeSetPtr full = subscription.FullState(pending);
    if (&*full != &subscription.target()) full = context().sets->Intern(std::move(full));
    version = VersionFor(subscription, *full);
    if (subscription.wildcard() && presented == version && !LeftUnsettled(subscription)) {
      subscription.AssumeSet(std::move(full));
      return std::nullopt;
    }
    // Another target: what was refused for an earlier one may be tried once more.
    std::string wanted = VersionFor(subscription, subscription.target());
    if (wanted != state.refused_for) state.refused_versions.clear();
    state.refused_for = std::move(wanted);
    const bool refused =
        std::count(state.refused_versions.begin(), state.refused_versions.end(), version) > 0;
    if (refused && !pending.answer_due) {
      // Nothing can be left out or replaced by what is known to be good: it would be refused again.
      subscription.OnNothingToTell(pending);
      return std::nullopt;
    }
    std::vector<FragmentPtr> changed_clusters;
    for (const Subscription::Change& change : pending.changes) {
      if (change.fragment != nullptr && !subscription.Sent(change.name).Is(change.fragment.get())) {
        changed_clusters.push_back(change.fragment);
      }
    }
    // What waits its turn to be tried goes along where the client may have something.
    for (const auto& [name, has] : pending.unchanged) {
      const FragmentPtr* fragment = full->FindPtr(name);
      if (fragment != nullptr && !has.Is(fragment->get())) changed_clusters.push_back(*fragment);
    }
    if (subscription.wildcard()) {
      response.resources.push_back(full->SotwBody());
      response.resource_count = full->size();
    } else {
      for (const std::string& name : subscription.names().names()) {
        if (const FragmentPtr* fragment = full->FindPtr(name)) {
          response.resources.push_back({*fragment, (*fragment)->sotw_form()});
        }
      }
      response.resource_count = response.resources.size();
    }
    response.nonce = NextNonce();
    subscription.OnSentFull(response.nonce, pending, std::move(full), now);
    FollowClusters(changed_clusters);
  } else {
    size_t size = 0;
    size_t count = 0;
    for (; count < pending.changes.size(); ++count) {
      const FragmentPtr& fragment = pending.changes[count].fragment;
      if (count > 0 && size + fragment->sotw_form().size() > limits::kMaxResponseBytes) break;
      size += fragment->sotw_form().size();
      response.resources.push_back({fragment, fragment->sotw_form()});
    }
    if (count == 1 && size > limits::kMaxResponseBytes)
      Oversized(type, *pending.changes.front().fragment);
    response.resource_count = count;
    version = VersionFor(subscription, subscription.target());
    response.nonce = NextNonce();
    subscription.OnSent(response.nonce, pending, count, now);
  }
  state.versions.emplace_back(response.nonce, version);
  if (state.versions.size() > limits::kMaxUnanswered)
    state.versions.erase(state.versions.begin() + 1);
  AppendField(kVersionInfoField, version, &response.head);
  AppendCommonHead(type, response.nonce, kControlPlaneField, &response.head);
  if (!subscription.continuing()) AppendErrors(type, kResourceErrorsField, &response.head);
  return response;
}

}  // namespace signalbox
