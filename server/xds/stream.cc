#include "server/xds/stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/xds/limits.h"
#include "storage/model/resource.h"

namespace signalbox {

Stream::Stream(const StreamContext* context, std::unique_ptr<Session> session, Wire* wire)
    : context_(context),
      session_(std::move(session)),
      wire_(wire),
      rate_(limits::kRequestsPerSecond, limits::kRequestBurst) {}

Stream::~Stream() = default;

void Stream::Open() {
  MutexLock lock(&mu_);
  const absl::Status status = admission_.Open(context_->quota, context_->clock->Monotonic());
  if (!status.ok()) return FinishLocked(status);
  context_->timers->CallAt(admission_.first_request_by(), weak_from_this());
}

absl::Status Stream::IntroduceLocked(absl::Time now) {
  if (introduced_ || !session_->client().has_value()) return absl::OkStatus();
  const ClientInfo& client = *session_->client();
  SB_RETURN_IF_ERROR(admission_.Name(client.node_id));
  // Groups come with their match rules; until then every node is in the default one.
  group_ = {std::string(kDefaultNamespace), std::string(kDefaultGroup)};
  const SnapshotPtr snapshot = context_->snapshots->Watch(group_, weak_from_this());
  if (snapshot == nullptr) {
    // Before any response, so that a client falls back to another server (XDS W12).
    return absl::UnavailableError("the configuration is not loaded yet");
  }
  introduced_ = true;
  connected_ = context_->clock->Now();
  ends_ = now + DrawAge();
  newest_ = snapshot;
  seat_ = context_->memories->Join(client.node_id, client.agent, group_.namespace_name,
                                   weak_from_this());
  session_->OnTargets(View::Of(*snapshot), now);
  context_->observer->OnConnected(client, session_->variant());
  context_->fleet->Connect(client.node_id, weak_from_this());
  return absl::OkStatus();
}

void Stream::OnMessage(absl::string_view bytes) {
  MutexLock lock(&mu_);
  if (wire_ == nullptr) return;
  const absl::Time now = context_->clock->Monotonic();
  if (!rate_.Take(now)) {
    FinishLocked(absl::ResourceExhaustedError(
        absl::StrCat("more than ", limits::kRequestsPerSecond, " requests a second")));
    return;
  }
  absl::Status status = session_->OnRequest(bytes, now);
  if (status.ok()) status = IntroduceLocked(now);
  if (!status.ok()) {
    FinishLocked(status);
    return;
  }
  for (const ResourceType* type : session_->TakeAsked()) {
    session_->Remember(*type, context_->memories->Recall(std::string(type->short_name()), &seat_));
  }
  PumpLocked(now);
}

void Stream::OnWriteDone(bool ok) {
  MutexLock lock(&mu_);
  if (wire_ == nullptr || !ok) return;
  const absl::Time now = context_->clock->Monotonic();
  writing_ = false;
  answered_ = true;
  session_->OnWritten(now);
  PumpLocked(now);
}

void Stream::OnReadsDone() { Close(absl::OkStatus()); }

void Stream::Close(const absl::Status& status) {
  MutexLock lock(&mu_);
  FinishLocked(status);
}

void Stream::OnClosed() {
  {
    MutexLock lock(&mu_);
    wire_ = nullptr;
  }
  Leave();
  MutexLock lock(&mu_);
  admission_.Leave();
}

void Stream::Leave() {
  NodeStatus last;
  {
    MutexLock lock(&mu_);
    if (!introduced_ || std::exchange(left_, true)) return;
    last = StatusLocked();
    const ClientInfo& client = *session_->client();
    NoteRefusalsLocked();
    context_->memories->Leave(seat_, session_->Unsettled());
    context_->observer->OnDisconnected(client, session_->variant());
  }
  context_->fleet->Disconnect(this, std::move(last));
}

void Stream::OnSnapshot(const SnapshotPtr&) {
  MutexLock lock(&mu_);
  if (wire_ == nullptr || !introduced_) return;
  // What Watch returned may be newer than what was on its way here; revisions do not tell, since a
  // database that was set back has lower ones.
  SnapshotPtr newest = context_->snapshots->Current(group_);
  if (newest == newest_) return;
  newest_ = std::move(newest);
  const absl::Time now = context_->clock->Monotonic();
  session_->OnTargets(View::Of(*newest_), now);
  PumpLocked(now);
}

void Stream::OnTimer() {
  MutexLock lock(&mu_);
  const absl::Time now = context_->clock->Monotonic();
  calls_.erase(calls_.begin(), calls_.upper_bound(now));
  if (wire_ == nullptr) return;
  if (!introduced_) {
    const absl::Status status = admission_.CheckInTime(now);
    if (!status.ok()) FinishLocked(status);
    return;
  }
  session_->OnTime(now);
  PumpLocked(now);
}

absl::Duration Stream::DrawAge() const {
  if (context_->max_age == absl::InfiniteDuration()) return context_->max_age;
  const double drawn = static_cast<double>(context_->random->Next() >> 11) / (1ULL << 53);
  return context_->max_age * (1 + context_->age_jitter * (2 * drawn - 1));
}

bool Stream::HasAgedLocked(absl::Time now) const { return now >= ends_ && answered_ && !writing_; }

void Stream::PumpLocked(absl::Time now) {
  if (HasAgedLocked(now)) return FinishLocked(absl::OkStatus());
  if (std::optional<Response> response = session_->Next(now)) {
    context_->observer->OnWrite(*session_->client(), *response);
    writing_ = true;
    wire_->Write(*std::move(response));
  }
  for (const SessionEvent& event : session_->TakeEvents())
    context_->observer->OnEvent(*session_->client(), event);
  NoteRefusalsLocked();
  absl::Time deadline = session_->NextDeadline(now);
  // A stream that is old enough ends at its next event.
  if (ends_ > now) deadline = std::min(deadline, ends_);
  // A later deadline waits for the call that is already arranged, which arranges the next.
  if (deadline == absl::InfiniteFuture()) return;
  if (!calls_.empty() && deadline >= *calls_.begin()) return;
  calls_.insert(deadline);
  context_->timers->CallAt(deadline, weak_from_this());
}

void Stream::NoteRefusalsLocked() {
  std::vector<RefusalChange> changes = session_->TakeRefusalChanges();
  if (!changes.empty()) context_->memories->Note(seat_, std::move(changes));
}

void Stream::FinishLocked(const absl::Status& status) {
  if (wire_ == nullptr) return;
  if (!status.ok()) {
    const std::optional<ClientInfo>& client = session_->client();
    context_->observer->OnRefused(client.has_value() ? client->node_id : "", status);
  }
  std::exchange(wire_, nullptr)->Finish(status);
}

void Stream::OnRetry() {
  MutexLock lock(&mu_);
  if (wire_ == nullptr || !introduced_) return;
  session_->Retry();
  PumpLocked(context_->clock->Monotonic());
}

NodeStatus Stream::Status() const {
  MutexLock lock(&mu_);
  return StatusLocked();
}

NodeStatus Stream::StatusLocked() const {
  const absl::Time monotonic = context_->clock->Monotonic();
  const absl::Duration to_wall = context_->clock->Now() - monotonic;
  NodeStatus status = session_->Status(monotonic);
  status.namespace_name = group_.namespace_name;
  status.group = group_.group;
  status.connected = connected_;
  const absl::Time connected = connected_;
  const auto on_the_wall = [&](absl::Time time) {
    return time == absl::InfinitePast() ? connected : time + to_wall;
  };
  status.since = on_the_wall(status.since);
  for (NodeTypeStatus& type : status.types) type.since = on_the_wall(type.since);
  return status;
}

}  // namespace signalbox
