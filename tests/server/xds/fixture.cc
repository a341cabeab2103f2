#include "tests/server/xds/fixture.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "server/xds/delta_session.h"
#include "server/xds/sotw_session.h"
#include "storage/model/resource.h"

namespace signalbox::testing {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

void RecordingWire::Write(Response response) {
  if (finished.has_value()) violations.push_back("a write after Finish");
  if (in_flight.has_value()) violations.push_back("a second write while one is in flight");
  Written written{response.head, response.type, response.nonce, response.resource_count,
                  response.ByteSize()};
  for (const Slice& slice : response.resources) {
    if (slice.owner == nullptr) violations.push_back("a slice without an owner");
    written.bytes.append(slice.bytes.data(), slice.bytes.size());
  }
  in_flight = std::move(written);
}

void RecordingWire::Finish(const absl::Status& status) {
  if (finished.has_value()) violations.push_back("a second Finish");
  finished = status;
}

Server::Server(XdsBodies* bodies, FakeClock* clock)
    : bodies_(bodies), clock_(clock), fleet_(clock) {
  session_context_.registry = &bodies_->registry();
  session_context_.diffs = &diffs_;
  session_context_.sets = &sets_;
  session_context_.names = &names_;
  session_context_.server_id = "test-server";
  // Sequences name the grace where it matters.
  session_context_.removal_grace = absl::ZeroDuration();
  session_context_.removal_grace_opaque = absl::ZeroDuration();
  session_context_.listener_drain = absl::ZeroDuration();
  stream_context_.snapshots = &cache_;
  stream_context_.fleet = &fleet_;
  stream_context_.memories = &memories_;
  stream_context_.timers = &timers_;
  stream_context_.observer = &observer_;
  stream_context_.clock = clock_;
}

void Server::Publish(const std::vector<Edit>& edits) {
  const size_t type_count = bodies_->registry().in_push_order().size();
  auto next = std::make_shared<Snapshot>();
  next->group = {std::string(kDefaultNamespace), std::string(kDefaultGroup)};
  next->revision = snapshot_ == nullptr ? Revision{1} : Next(snapshot_->revision);
  next->types = snapshot_ == nullptr ? std::vector<TypeSetPtr>(type_count, TypeSet::Empty())
                                     : snapshot_->types;
  std::vector<std::vector<TypeSetEdit>> by_type(type_count);
  for (const Edit& edit : edits) {
    const ResourceType* type = bodies_->registry().FindByShortName(edit.spec.type);
    SB_CHECK(type != nullptr);
    by_type[type->index()].push_back(
        {edit.spec.name, edit.remove ? nullptr : bodies_->Make(edit.spec)});
  }
  for (size_t i = 0; i < type_count; ++i) {
    if (!by_type[i].empty()) next->types[i] = next->types[i]->With(std::move(by_type[i]));
  }
  snapshot_ = next;
  cache_.Publish(snapshot_);
}

void Server::PublishAs(const Server& other) {
  if (other.snapshot_ == nullptr) return;
  snapshot_ = other.snapshot_;
  cache_.Publish(snapshot_);
}

void Server::LearnFrom(Server& other) {
  written_ = std::exchange(other.written_, {});
  for (NodeQuarantines& node : other.memories_.TakeChanged(SIZE_MAX))
    written_[{node.node, node.client}] = std::move(node);
  for (const auto& [client, node] : written_) {
    std::vector<std::pair<std::string, Refusal>> refused;
    for (const Quarantine& quarantine : node.quarantines) {
      Refusal refusal{quarantine.name, quarantine.version, nullptr, quarantine.error,
                      quarantine.may_hold};
      if (quarantine.last_good.has_value()) {
        refusal.last_good = bodies_->MadeOf(*quarantine.last_good);
        SB_CHECK(refusal.last_good != nullptr);
      }
      refused.emplace_back(quarantine.type, std::move(refusal));
    }
    memories_.Learn(node.node, node.client, node.namespace_name, std::move(refused));
  }
}

std::unique_ptr<Session> Server::MakeSession(Variant variant) {
  const std::string stream_id =
      absl::StrCat("s", absl::ToUnixNanos(clock_->Now()), "-", ++streams_);
  std::unique_ptr<Session> session;
  if (variant == Variant::kSotw) {
    session = std::make_unique<SotwSession>(&session_context_, stream_id);
  } else {
    session = std::make_unique<DeltaSession>(&session_context_, stream_id);
  }
  if (withholds_secrets_) session->WithholdSecrets();
  return session;
}

std::shared_ptr<Stream> Server::Open(Variant variant, RecordingWire* wire,
                                     const std::string& only) {
  std::unique_ptr<Session> session = MakeSession(variant);
  session->ServeOnly(only);
  return std::make_shared<Stream>(&stream_context_, std::move(session), wire);
}

namespace {

template <typename AnyMessage>
void AddResource(Message& message, absl::string_view said_name, const AnyMessage& any,
                 const XdsBodies& bodies, std::vector<std::string>* violations) {
  const auto violation = [&](absl::string_view what) {
    violations->push_back(absl::StrCat(message.type->short_name(), ": ", what));
  };
  if (any.type_url() != message.type->type_url())
    violation(absl::StrCat("an Any of type ", any.type_url()));
  const auto [name, tag] = bodies.NameAndTag(any.type_url(), any.value());
  if (tag.empty()) violation(absl::StrCat("bytes that were never published, as ", said_name));
  if (!said_name.empty() && said_name != name)
    violation(absl::StrCat(name, " goes by the name of ", said_name));
  if (!message.resources.emplace(name, tag).second)
    violation(absl::StrCat(name, " is there twice"));
  message.told[name] = tag;
  if (message.type->short_name() == "cluster" && !tag.empty()) {
    message.endpoints_of[name] = bodies.EndpointsOf(any.value());
  }
}

template <typename Response>
void AddErrors(const Response& response, Message* message, std::vector<std::string>* violations) {
  for (const auto& error : response.resource_errors()) {
    message->errors.push_back(error.resource_name().name());
    if (error.error_detail().code() != 5)
      violations->push_back(absl::StrCat(message->errors.back(), " has an unknown error"));
    if (message->told.contains(message->errors.back()))
      violations->push_back(absl::StrCat(message->errors.back(), " is there and missing (X5)"));
  }
  std::sort(message->errors.begin(), message->errors.end());
  const auto twice = std::adjacent_find(message->errors.begin(), message->errors.end());
  if (twice != message->errors.end())
    violations->push_back(absl::StrCat(*twice, " is missing twice"));
}

void AddDeltaResource(Message& message, const envoy::service::discovery::v3::Resource& resource,
                      const XdsBodies& bodies, std::vector<std::string>* violations) {
  const auto violation = [&](absl::string_view what) {
    violations->push_back(
        absl::StrCat(message.type->short_name(), ": ", resource.name(), " ", what));
  };
  if (resource.version().empty()) violation("has no version");
  const std::string tag =
      bodies.TagOfVersion(message.type->type_url(), resource.name(), resource.version());
  if (resource.has_resource()) {
    AddResource(message, resource.name(), resource.resource(), bodies, violations);
    if (tag != message.resources[resource.name()]) violation("has another's version");
  } else {
    if (message.told.contains(resource.name())) violation("is there twice");
    if (resource.aliases_size() > 0) {
      message.unresolved.insert(resource.name());
    } else {
      message.heartbeats[resource.name()] = tag;
      if (tag.empty()) violation("has no body and no version that was published");
    }
    message.told[resource.name()] =
        absl::StrCat(resource.aliases_size() > 0 ? "" : absl::string_view(tag), "!");
  }
  std::vector<std::string> aliases(resource.aliases().begin(), resource.aliases().end());
  std::sort(aliases.begin(), aliases.end());
  if (!aliases.empty())
    absl::StrAppend(&message.told[resource.name()], "+", absl::StrJoin(aliases, ","));
  if (resource.has_ttl()) {
    absl::StrAppend(&message.told[resource.name()], "~",
                    absl::FormatDuration(absl::Seconds(resource.ttl().seconds()) +
                                         absl::Nanoseconds(resource.ttl().nanos())));
  }
}

}  // namespace

Message ReadResponse(Variant variant, const RecordingWire::Written& written,
                     const XdsBodies& bodies, std::vector<std::string>* violations) {
  Message message;
  message.bytes = written.bytes.size();
  const auto violation = [&](absl::string_view what) {
    violations->push_back(absl::StrCat(written.type->short_name(), ": ", what));
  };
  std::string type_url;
  if (variant == Variant::kSotw) {
    DiscoveryResponse response;
    if (!response.ParseFromString(written.bytes)) violation("not a DiscoveryResponse");
    type_url = response.type_url();
    message.nonce = response.nonce();
    message.version = response.version_info();
    message.control_plane = response.control_plane().identifier();
    message.type = bodies.registry().FindByUrl(type_url);
    if (message.type == nullptr) message.type = written.type;
    for (const auto& any : response.resources()) AddResource(message, "", any, bodies, violations);
    AddErrors(response, &message, violations);
  } else {
    DeltaDiscoveryResponse response;
    if (!response.ParseFromString(written.bytes)) violation("not a DeltaDiscoveryResponse");
    type_url = response.type_url();
    message.nonce = response.nonce();
    message.version = response.system_version_info();
    message.control_plane = response.control_plane().identifier();
    message.type = bodies.registry().FindByUrl(type_url);
    if (message.type == nullptr) message.type = written.type;
    for (const auto& resource : response.resources())
      AddDeltaResource(message, resource, bodies, violations);
    AddErrors(response, &message, violations);
    for (const std::string& name : response.removed_resources()) {
      if (message.told.contains(name)) violation(absl::StrCat(name, " is there and removed"));
      message.removed.push_back(name);
    }
    std::sort(message.removed.begin(), message.removed.end());
    const auto twice = std::adjacent_find(message.removed.begin(), message.removed.end());
    if (twice != message.removed.end()) violation(absl::StrCat(*twice, " is removed twice"));
  }
  if (type_url != written.type->type_url())
    violation(absl::StrCat("a response of type ", type_url));
  if (message.nonce.empty() || message.nonce != written.nonce)
    violation("no nonce, or another than announced");
  if (message.version.empty()) violation("no version");
  if (written.announced_size != written.bytes.size())
    violation("its size is not the announced one");
  if (written.resource_count != message.told.size())
    violation("its count is not the announced one");
  return message;
}

void WireCheck::Violation(const Message& message, absl::string_view what) {
  violations_->push_back(
      absl::StrCat(message.type->short_name(), " ", message.nonce, " {",
                   absl::StrJoin(message.resources, " ", absl::PairFormatter("=")), " -",
                   absl::StrJoin(message.removed, " -"), "}: ", what));
}

std::set<std::string>* WireCheck::EndpointsDue() {
  for (auto& [type, state] : types_) {
    if (type->short_name() == "endpoints" && state.active) return &state.asked;
  }
  return &endpoints_due_;
}

void WireCheck::Settle(State& state, const Request& request) {
  const auto found = state.unanswered.find(request.nonce);
  if (found == state.unanswered.end()) return;
  state.settled = true;
  if (request.error || (variant_ == Variant::kSotw && request.version != found->second.version)) {
    for (const auto& [name, tag] : found->second.resources) state.unknown.insert(name);
    for (const std::string& name : found->second.removed) state.unknown.insert(name);
    // Whatever is not answered with yes may be tried in any combination.
    for (const auto& [nonce, message] : state.unanswered) {
      for (const auto& [name, tag] : message.resources) state.unknown.insert(name);
    }
    // Where a cluster comes once more with what is under way, its endpoints follow it.
    if (variant_ == Variant::kSotw && request.type->short_name() == "cluster") {
      for (const auto& [nonce, message] : state.unanswered) {
        if (nonce == request.nonce) continue;
        for (const auto& [name, tag] : message.resources) {
          const auto refused = found->second.resources.find(name);
          if (refused == found->second.resources.end() || refused->second != tag) continue;
          for (const std::string& endpoints : message.endpoints_of.at(name)) {
            EndpointsDue()->insert(endpoints);
          }
        }
      }
    }
  }
  state.unanswered.erase(found);
}

void WireCheck::OnRequest(const Request& said) {
  if (said.type == nullptr) return;
  Request request = said;
  for (std::string& name : request.names) name = NormalizedName(name);
  State& state = types_[request.type];
  const bool first = !std::exchange(state.active, true);
  const bool afresh = !first && request.nonce.empty() && state.settled;
  if (!request.nonce.empty()) Settle(state, request);
  if (variant_ == Variant::kSotw) {
    std::set<std::string> names;
    bool wildcard = false;
    for (const std::string& name : request.names) {
      state.named = true;
      if (name == "*") {
        wildcard = true;
      } else {
        names.insert(name);
      }
    }
    if (!state.named) wildcard = request.type->legacy_wildcard();
    for (const std::string& name : names) {
      if (!state.names.contains(name)) state.asked.insert(name);
    }
    if (wildcard && !state.wildcard) state.all_asked = true;
    state.names = std::move(names);
    state.wildcard = wildcard;
    if (first) {
      state.anything = !request.version.empty() && request.type->full_state_in_sotw();
      state.all_asked |= request.type->full_state_in_sotw();
    }
    if (afresh) state.all_asked = true;
  } else {
    for (const std::string& name : request.dropped) {
      if (name == "*") {
        state.wildcard = false;
      } else if (state.names.erase(name) > 0) {
        state.asked.insert(name);
      }
    }
    bool new_wildcard = first && request.names.empty() && request.type->legacy_wildcard();
    for (const std::string& name : request.names) {
      if (name == "*") {
        new_wildcard |= !state.wildcard;
      } else {
        state.names.insert(name);
        state.asked.insert(name);
        if (IsCollection(name)) state.collections_asked.insert(name);
      }
    }
    if (new_wildcard) state.wildcard = state.all_asked = true;
    if (first) {
      // Told or not, an earlier stream may have left something.
      state.anything = true;
      for (const auto& [name, tag] : request.initial) {
        if (Covers(state, name)) state.has[name] = tag;
        state.asked.erase(name);
      }
      if (state.has.size() > 0) state.all_asked = false;
    }
  }
  if (first && request.type->short_name() == "endpoints") state.asked.merge(endpoints_due_);
  // What is still on its way may bring what was dropped and is asked for again.
  for (const auto& [nonce, message] : state.unanswered) {
    for (const auto& [name, tag] : message.resources) {
      if (!Covers(state, name)) state.brought_uncovered.insert(name);
    }
  }
  for (const std::string& name : state.brought_uncovered) {
    if (Covers(state, name)) state.unknown.insert(name);
  }
  std::erase_if(state.has, [&](const auto& entry) { return !Covers(state, entry.first); });
}

void WireCheck::OnResponse(const Message& message) {
  State& state = types_[message.type];
  if (!nonces_->insert(message.nonce).second) Violation(message, "the nonce was there before (C3)");
  if (!std::exchange(introduced_, true) && message.control_plane.empty()) {
    Violation(message, "the first response does not say who the server is (C9)");
  }
  if (!state.active) Violation(message, "the type was not asked for (C13)");
  for (const auto& [name, tag] : message.resources) {
    if (!Covers(message.type, state, name))
      Violation(message, absl::StrCat(name, " was not asked for"));
  }
  for (const std::string& name : message.removed) {
    if (!Covers(message.type, state, name) && !state.asked.contains(name)) {
      Violation(message, absl::StrCat(name, " is removed and was not asked for"));
    }
  }
  const auto may_send = [&](const std::string& name, const std::string& tag) {
    if (state.all_asked || state.asked.contains(name) || state.unknown.contains(name)) return true;
    if (state.collections_asked.contains(CollectionOf(name))) return true;
    // Virtual hosts follow their route configuration, and come with an alias that is asked for.
    if (state.followed.contains(name.substr(0, name.rfind('/')))) return true;
    if (absl::StrContains(message.told.at(name), "+")) return true;
    const auto has = state.has.find(name);
    return has == state.has.end() || has->second != tag;
  };
  const bool full_state = variant_ == Variant::kSotw && message.type->full_state_in_sotw();
  std::vector<std::string> clusters;  // that differ from what the client has
  for (const auto& [name, tag] : message.resources) {
    const auto has = state.has.find(name);
    if (!full_state || state.anything || state.all_asked || state.unknown.contains(name) ||
        has == state.has.end() || has->second != tag) {
      clusters.push_back(name);
    }
  }
  if (full_state) {
    bool differs = state.all_asked || state.anything || !state.asked.empty() ||
                   !state.unknown.empty() || state.has.size() != message.resources.size();
    for (const auto& [name, tag] : message.resources) differs |= may_send(name, tag);
    differs |= !message.errors.empty();
    if (!differs) Violation(message, "the client has all of it (C8)");
    state.has = message.resources;
    state.unknown.clear();
    state.asked.clear();
  } else {
    for (const auto& [name, tag] : message.resources) {
      if (!may_send(name, tag))
        Violation(message, absl::StrCat("the client has ", name, "=", tag, " (C8)"));
      state.has[name] = tag;
      state.mentioned.insert(name);
      state.unknown.erase(name);
      state.asked.erase(name);
    }
    for (const std::string& name : message.removed) {
      const bool may_have = state.has.contains(name) || state.unknown.contains(name) ||
                            state.asked.contains(name) || state.anything || state.all_asked ||
                            (came_back_ && !state.mentioned.contains(name)) ||
                            state.followed.contains(name.substr(0, name.rfind('/')));
      state.mentioned.insert(name);
      if (!may_have) Violation(message, absl::StrCat("the client does not have ", name));
      state.has.erase(name);
      state.unknown.erase(name);
      state.asked.erase(name);
    }
    const bool says_something =
        !message.told.empty() || !message.removed.empty() || !message.errors.empty();
    for (const auto& [name, tag] : message.heartbeats) {
      const auto has = state.has.find(name);
      const bool has_it = has != state.has.end() && has->second == tag;
      if (!has_it && !state.unknown.contains(name))
        Violation(message, absl::StrCat("the client does not have ", name, "=", tag, " (L1)"));
    }
    if (!says_something && state.followed.empty() && !state.all_asked && !state.anything) {
      Violation(message, "an empty response that nobody asked for");
    }
  }
  state.all_asked = false;
  state.collections_asked.clear();
  state.followed.clear();
  if (full_state || variant_ == Variant::kDelta) state.anything = false;
  state.unanswered[message.nonce] = message;
  for (auto& [type, other] : types_) {
    if (message.type->short_name() != "route" || type->short_name() != "virtual-host") continue;
    for (const auto& [name, tag] : message.resources) other.followed.insert(name);
  }
  if (message.type->short_name() == "cluster") {
    for (const std::string& cluster : clusters) {
      for (const std::string& name : message.endpoints_of.at(cluster)) EndpointsDue()->insert(name);
    }
  }
}

namespace {

template <typename Request>
void AddNode(const TestNode* node, Request* request) {
  if (node == nullptr) return;
  request->mutable_node()->set_id(node->id);
  request->mutable_node()->set_user_agent_name(node->agent);
  for (const std::string& feature : node->features)
    request->mutable_node()->add_client_features(feature);
  if (node->version.empty()) return;
  if (!absl::ascii_isdigit(static_cast<unsigned char>(node->version[0]))) {
    request->mutable_node()->set_user_agent_version(node->version);
    return;
  }
  auto* version = request->mutable_node()->mutable_user_agent_build_version()->mutable_version();
  const std::vector<std::string> numbers = absl::StrSplit(node->version, '.');
  SB_CHECK(numbers.size() == 3);
  version->set_major_number(static_cast<uint32_t>(std::stoul(numbers[0])));
  version->set_minor_number(static_cast<uint32_t>(std::stoul(numbers[1])));
  version->set_patch(static_cast<uint32_t>(std::stoul(numbers[2])));
}

template <typename Locator>
void SetLocator(const std::string& text, Locator* locator) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(';', 1));
  locator->set_name(parts.first);
  if (parts.second.empty()) return;
  const std::pair<std::string, std::string> parameter = absl::StrSplit(parts.second, '=');
  (*locator->mutable_dynamic_parameters())[parameter.first] = parameter.second;
}

}  // namespace

std::string Encode(const SotwRequest& request, const TestNode* node) {
  DiscoveryRequest message;
  AddNode(node, &message);
  message.set_type_url(request.type_url);
  for (const std::string& name : request.names) message.add_resource_names(name);
  for (const std::string& text : request.locators)
    SetLocator(text, message.add_resource_locators());
  message.set_response_nonce(request.nonce);
  message.set_version_info(request.version);
  if (request.error.has_value()) message.mutable_error_detail()->set_message(*request.error);
  return message.SerializeAsString();
}

std::string Encode(const DeltaRequest& request, const TestNode* node) {
  DeltaDiscoveryRequest message;
  AddNode(node, &message);
  message.set_type_url(request.type_url);
  for (const std::string& name : request.subscribe) message.add_resource_names_subscribe(name);
  for (const std::string& name : request.unsubscribe) message.add_resource_names_unsubscribe(name);
  for (const auto& [name, version] : request.initial)
    (*message.mutable_initial_resource_versions())[name] = version;
  for (const std::string& text : request.locators)
    SetLocator(text, message.add_resource_locators_subscribe());
  message.set_response_nonce(request.nonce);
  if (request.error.has_value()) message.mutable_error_detail()->set_message(*request.error);
  return message.SerializeAsString();
}

}  // namespace signalbox::testing
