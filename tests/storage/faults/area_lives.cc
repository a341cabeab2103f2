#include "tests/storage/faults/area_lives.h"

#include <iostream>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox::testing {
namespace {

// What an error of the store's says of what was to be written.
Told ToldBy(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return Told::kWritten;
    case absl::StatusCode::kUnavailable:
      return Told::kUnknown;
    case absl::StatusCode::kResourceExhausted:  // no room
    case absl::StatusCode::kAborted:            // another has the lock, or the connection was lost
      return Told::kNot;
    default:
      std::cerr << status << "\n";
      SB_CHECK(false);
      return Told::kUnknown;
  }
}

ChangeSet Numbered(const std::string& name, int i) {
  ChangeSet changes = Changes({Cluster(absl::StrCat(name, "-", i), std::string(3000, 'x'))});
  changes.request_id = absl::StrCat(name, "-", i);
  return changes;
}

Quarantine Refused(const std::string& name) {
  return {.type = "cluster", .name = name, .version = "1", .error = "it is bad"};
}

Ledger LiveConfig(const Stores& stores, const std::string& name) {
  Ledger ledger;
  ResourceStore& store = *stores.resources;
  for (int i = 0; i < 3; ++i) {
    const std::string what = absl::StrCat("commit ", i);
    const auto committed =
        store.Commit(Numbered(name, i), Revision{0}, AcceptAll(), Preconditions{});
    ledger[what] = ToldBy(committed.status());
    if (committed.ok()) SB_CHECK(committed->outcome == Committed::Outcome::kNewRevision);
    // A question about an outcome is answered truly, or not at all.
    if (const auto asked = store.FindRequest("alice", absl::StrCat(name, "-", i)); asked.ok()) {
      const Told answer = asked->has_value() ? Told::kWritten : Told::kNot;
      SB_CHECK(ledger[what] == Told::kUnknown || ledger[what] == answer);
      ledger[what] = answer;
    }
    if (i == 1) {
      const NodeQuarantines node = {name, "envoy", "default", {Refused("a"), Refused("b")}};
      ledger["quarantines"] = ToldBy(store.WriteQuarantines({&node, 1}).status());
      continue;
    }
    const auto appended =
        store.AppendControl({.kind = "token", .subject = absl::StrCat(name, "-", i)},
                            {.principal = "alice", .action = name});
    ledger[absl::StrCat("entry ", i)] = ToldBy(appended.status());
  }
  return ledger;
}

Facts FoundConfig(const Stores& stores, const std::string& name) {
  Facts facts;
  ResourceStore& store = *stores.resources;
  const auto head = store.LoadHead();
  SB_CHECK(head.ok());
  const auto changes = store.ChangesSince(Revision{0});  // the chain holds
  SB_CHECK(changes.ok());
  SB_CHECK(static_cast<int64_t>(changes->size()) == head->head.revision.number);
  const auto outbox = store.ReadOutbox({}, 1000);
  SB_CHECK(outbox.ok());
  auto entries = store.ControlSince(0);
  SB_CHECK(entries.ok());
  // What proxies refuse is nobody's act.
  std::erase_if(*entries, [](const ControlEntry& entry) { return entry.kind == "quarantines"; });
  // One event for each revision and each entry, without gaps.
  SB_CHECK(outbox->size() == changes->size() + entries->size());
  for (size_t i = 0; i < outbox->size(); ++i) {
    SB_CHECK((*outbox)[i].seq == static_cast<int64_t>(i) + 1);
  }
  for (int i = 0; i < 3; ++i) {
    const auto found = store.FindRequest("alice", absl::StrCat(name, "-", i));
    SB_CHECK(found.ok());
    const bool there = store.Get(ClusterKey(absl::StrCat(name, "-", i))).ok();
    SB_CHECK(there == found->has_value());
    if (there) facts.insert(absl::StrCat("commit ", i));
    for (const ControlEntry& entry : *entries) {
      if (entry.subject == absl::StrCat(name, "-", i)) facts.insert(absl::StrCat("entry ", i));
    }
  }
  const auto quarantines = store.QuarantinesSince(0);
  SB_CHECK(quarantines.ok());
  for (const QuarantinePage::Node& node : quarantines->nodes) {
    if (node.is.node != name) continue;
    SB_CHECK((node.is.quarantines == std::vector{Refused("a"), Refused("b")}));
    facts.insert("quarantines");
  }
  return facts;
}

Ledger LiveAudit(const Stores& stores, const std::string& name) {
  Ledger ledger;
  AuditLog& log = *stores.audit;
  for (int i = 0; i < 3; ++i) {
    const std::string event = absl::StrCat(name, "-event ", i);
    ledger[absl::StrCat("event ", i)] = ToldBy(log.Append({.principal = event, .action = "login"}));
    const auto head = log.ReadHead();
    if (!head.ok()) continue;  // the follower does not know where it is: it waits
    const AuditCursor upto = {.epoch = 9, .seq = head->cursor.seq + 1};
    const OutboxRow row = {
        .epoch = upto.epoch,
        .seq = upto.seq,
        .event = {.principal = absl::StrCat(name, "-row ", i), .action = "apply"}};
    ledger[absl::StrCat("row ", i)] = ToldBy(log.AppendFromOutbox(head->cursor, upto, {row}));
  }
  return ledger;
}

Facts FoundAudit(const Stores& stores, const std::string& name) {
  Facts facts;
  AuditLog& log = *stores.audit;
  const auto head = log.VerifyChain();
  SB_CHECK(head.ok());
  int64_t rows = 0;
  for (int64_t after = 0; after < head->newest;) {
    const auto records = log.ListAfter(after, 1000);
    SB_CHECK(records.ok() && !records->empty());
    for (const AuditRecord& record : *records) {
      if (record.origin.seq > 0) SB_CHECK(record.origin.seq == ++rows);
      const std::string& who = record.event.principal;
      if (absl::StartsWith(who, name + "-")) {
        SB_CHECK(facts.insert(who.substr(name.size() + 1)).second);  // each once
      }
      after = record.number;
    }
  }
  SB_CHECK(head->cursor.seq == rows);
  return facts;
}

Ledger LiveQueue(const Stores& stores, const std::string& name) {
  Ledger ledger;
  JobQueue& queue = *stores.jobs;
  const std::vector<std::string> kinds = {name};
  for (int i = 0; i < 2; ++i) {
    ledger[absl::StrCat("job ", i)] =
        ToldBy(queue.Enqueue({.kind = name, .unique_key = absl::StrCat(name, "-", i)}).status());
  }
  const auto claimed = queue.Claim("worker", absl::Minutes(1), kinds);
  if (!claimed.ok()) ToldBy(claimed.status());
  if (claimed.ok() && claimed->has_value()) {
    const Job& job = **claimed;
    const std::string which(job.spec.unique_key.substr(name.size() + 1));
    ledger["claim of " + which] = Told::kWritten;
    ledger["end of " + which] = ToldBy(queue.Complete(ClaimOf(job)));
  }
  Leases& leases = *stores.leases;
  const auto lease = leases.Acquire(name, "one", absl::Minutes(1));
  ledger["lease"] = ToldBy(lease.status());
  if (lease.ok()) ledger["release"] = ToldBy(leases.Release(*lease));
  return ledger;
}

Facts FoundQueue(const Stores& stores, const std::string& name) {
  Facts facts;
  const auto page = stores.jobs->List({.kind = name}, std::nullopt, 100);
  SB_CHECK(page.ok());
  SB_CHECK(page->jobs.size() <= 2);
  for (const Job& job : page->jobs) {
    const std::string which(job.spec.unique_key.substr(name.size() + 1));
    SB_CHECK(facts.insert("job " + which).second);
    if (job.attempts > 0) facts.insert("claim of " + which);
    if (job.state == JobState::kDone) facts.insert("end of " + which);
  }
  const auto leases = stores.leases->List();
  SB_CHECK(leases.ok());
  for (const Lease& lease : *leases) {
    if (lease.name != name) continue;
    facts.insert("lease");
    if (lease.holder.empty()) facts.insert("release");
  }
  return facts;
}

Ledger LiveTelemetry(const Stores& stores, const std::string& name) {
  Ledger ledger;
  const absl::Time start = absl::FromUnixSeconds(1000000000);
  for (int i = 0; i < 4; ++i) {
    const std::string id = absl::StrCat(name, "-", i);
    NodeHistoryBatch batch;
    batch.nodes.push_back(
        {.id = id, .instance = "i", .connected = start, .state = NodeState::kNack, .since = start});
    batch.nacks.push_back(
        {.fingerprint = "f", .node = id, .first_seen = start, .last_seen = start});
    batch.instance = InstanceRecord{.name = id, .started = start};
    ledger[absl::StrCat("node ", i)] = ToldBy(stores.nodes->Write(batch).status());
  }
  if (ledger["node 3"] == Told::kWritten) {
    switch (ToldBy(stores.nodes->ForgetNode(absl::StrCat(name, "-3")))) {
      case Told::kWritten:  // and so it is not there any more
        ledger["node 3"] = Told::kNot;
        break;
      case Told::kUnknown:
        ledger["node 3"] = Told::kUnknown;
        break;
      case Told::kNot:
        break;
    }
  }
  return ledger;
}

Facts FoundTelemetry(const Stores& stores, const std::string& name) {
  Facts facts;
  for (int i = 0; i < 4; ++i) {
    const std::string id = absl::StrCat(name, "-", i);
    const bool there = stores.nodes->GetNode(id).ok();
    // All of a batch or nothing.
    const auto statuses = stores.nodes->ListStatusChanges(id, std::nullopt, 10);
    SB_CHECK(statuses.ok() && statuses->changes.size() == (there ? 1 : 0));
    const auto nacks = stores.nodes->ListNacks({.node = id}, std::nullopt, 10);
    SB_CHECK(nacks.ok() && nacks->nacks.size() == (there ? 1 : 0));
    if (there) facts.insert(absl::StrCat("node ", i));
  }
  return facts;
}

absl::string_view NameOf(Told told) {
  switch (told) {
    case Told::kWritten:
      return "written";
    case Told::kNot:
      return "not written";
    case Told::kUnknown:
      break;
  }
  return "unknown";
}

}  // namespace

const std::vector<AreaLife>& AreaLives() {
  static const auto* const lives = new std::vector<AreaLife>{
      {"config", LiveConfig, FoundConfig},
      {"audit", LiveAudit, FoundAudit},
      {"queue", LiveQueue, FoundQueue},
      {"telemetry", LiveTelemetry, FoundTelemetry},
  };
  return *lives;
}

std::string Lies(const Ledger& ledger, const Facts& found) {
  std::string lies;
  for (const auto& [what, told] : ledger) {
    const bool there = found.count(what) > 0;
    if ((told == Told::kWritten && !there) || (told == Told::kNot && there)) {
      absl::StrAppend(&lies, what, " was told as ", NameOf(told), "; ");
    }
  }
  for (const std::string& what : found) {
    // A claim whose outcome was unknown is not in the ledger.
    if (ledger.count(what) == 0 && !absl::StartsWith(what, "claim of ")) {
      absl::StrAppend(&lies, what, " is there and nobody sent it; ");
    }
  }
  return lies;
}

std::string Summary(const Ledger& ledger) {
  std::map<Told, int> counts;
  for (const auto& [what, told] : ledger) ++counts[told];
  return absl::StrCat(counts[Told::kWritten], " written, ", counts[Told::kNot], " not, ",
                      counts[Told::kUnknown], " unknown");
}

}  // namespace signalbox::testing
