#include "server/xds/delta_session.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "server/types/xdstp.h"
#include "server/xds/limits.h"

namespace signalbox {
namespace {

constexpr int kSystemVersionInfoField = 1;
constexpr int kRemovedResourcesField = 6;
constexpr int kControlPlaneField = 7;

// Variants by dynamic parameters there are none of: a locator is a name (XDS D15, X4).
template <typename Strings, typename Locators>
std::vector<std::string> Names(const Strings& strings, const Locators& locators) {
  std::vector<std::string> names;
  for (const std::string& name : strings) names.push_back(NormalizedName(name));
  for (const auto& locator : locators) names.push_back(NormalizedName(locator.name()));
  return names;
}

}  // namespace

DeltaSession::DeltaSession(const SessionContext* context, std::string stream_id)
    : Session(context, std::move(stream_id), Variant::kDelta) {}

absl::Status DeltaSession::OnRequest(absl::string_view bytes, absl::Time now) {
  envoy::service::discovery::v3::DeltaDiscoveryRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(
        "the message is not an envoy.service.discovery.v3.DeltaDiscoveryRequest");
  }
  if (absl::Status status = ReadNode(request.has_node(), request.node()); !status.ok())
    return status;
  const absl::StatusOr<Subscription*> found = FindSubscription(request.type_url());
  if (!found.ok()) return found.status();
  if (*found == nullptr) return absl::OkStatus();
  Subscription& subscription = **found;
  const ResourceType& type = subscription.type();

  // The nonce tells which response is answered and nothing else (XDS D7).
  const std::string& nonce = request.response_nonce();
  if (!nonce.empty()) {
    if (request.has_error_detail()) {
      const std::string error = ErrorText(request.error_detail().message());
      AfterNack(subscription, subscription.OnNack(nonce, error, now), error, now);
    } else {
      AfterAck(subscription, subscription.OnAck(nonce, now), now);
    }
  }

  const bool first = !subscription.active();
  const std::vector<std::string> added =
      Names(request.resource_names_subscribe(), request.resource_locators_subscribe());
  const std::vector<std::string> dropped =
      Names(request.resource_names_unsubscribe(), request.resource_locators_unsubscribe());
  if (!first && added.empty() && dropped.empty()) return absl::OkStatus();
  bool wildcard = subscription.wildcard();
  std::set<std::string> names(subscription.names().names().begin(),
                              subscription.names().names().end());
  std::vector<std::string> resend;
  for (const std::string& name : dropped) {
    if (name == "*") {
      wildcard = false;
    } else if (names.erase(name) > 0) {
      // Where the wildcard still covers it, it is told again (XDS D1).
      resend.push_back(name);
    }
  }
  for (const std::string& name : added) {
    if (absl::Status status = CheckToken("a resource name", name); !status.ok()) return status;
    if (name == "*") {
      wildcard = true;
    } else {
      names.insert(name);
      resend.push_back(name);
    }
  }
  if (first && added.empty()) wildcard = type.legacy_wildcard();
  if (names.size() > limits::kMaxNamesPerType ||
      static_cast<size_t>(request.initial_resource_versions_size()) > limits::kMaxNamesPerType) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", limits::kMaxNamesPerType, " names of ", type.short_name()));
  }
  size_t name_bytes = 0;
  for (const std::string& name : names) name_bytes += name.size();
  if (name_bytes > limits::kMaxNameBytesPerType) {
    return absl::ResourceExhaustedError(absl::StrCat("more than ", limits::kMaxNameBytesPerType,
                                                     " bytes of names of ", type.short_name()));
  }
  subscription.SetInterest(wildcard, context().names->Intern({names.begin(), names.end()}), resend);
  if (!first) return absl::OkStatus();

  if (request.initial_resource_versions_size() > 0) NotePresented();
  std::vector<Holding::Exception> held;
  for (const auto& [name, version] : request.initial_resource_versions()) {
    if (absl::Status status = CheckToken("a resource version", version); !status.ok())
      return status;
    if (subscription.Covers(name)) held.emplace_back(name, Held::Version(version));
  }
  subscription.AssumeHeld(std::move(held));
  Recall(subscription);
  if (type.short_name() == "endpoints") {
    WatchForOrphans(now);
    FollowEarlierClusters();
  }
  return absl::OkStatus();
}

std::optional<Response> DeltaSession::Compose(Subscription& subscription,
                                              const Subscription::Pending& pending,
                                              absl::Time now) {
  const ResourceType& type = subscription.type();
  Response response;
  response.type = &type;
  response.nonce = NextNonce();
  AppendField(kSystemVersionInfoField, absl::StrCat(subscription.revision().number),
              &response.head);
  AppendCommonHead(type, response.nonce, kControlPlaneField, &response.head);
  size_t size = response.head.size();
  size_t count = 0;
  std::vector<FragmentPtr> sent;
  for (; count < pending.changes.size(); ++count) {
    const Subscription::Change& change = pending.changes[count];
    const size_t grows =
        change.fragment == nullptr ? change.name.size() + 8 : change.fragment->delta_form().size();
    if (count > 0 && size + grows > limits::kMaxResponseBytes) break;
    size += grows;
    if (change.fragment == nullptr) {
      AppendField(kRemovedResourcesField, change.name, &response.head);
    } else {
      response.resources.push_back({change.fragment, change.fragment->delta_form()});
      sent.push_back(change.fragment);
    }
  }
  if (count == 1 && size > limits::kMaxResponseBytes && !sent.empty())
    Oversized(type, *sent.front());
  response.resource_count = sent.size();
  subscription.OnSent(response.nonce, pending, count, now);
  if (type.short_name() == "cluster") FollowClusters(sent);
  return response;
}

}  // namespace signalbox
