#include "storage/audit_chain.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "storage/check_audit_event.h"
#include "storage/check_text.h"
#include "storage/errors.h"
#include "storage/limits.h"
#include "storage/retention.h"

namespace signalbox {
namespace {

// 9999-12-31T23:59:59.999Z: later than any event.
const absl::Time kEndOfTime = absl::FromUnixMillis(253402300799999);

}  // namespace

void AuditAppend::Add(const AuditEvent& event, const AuditCursor& origin) {
  AuditRecord record = {.number = head.newest + 1, .event = event, .origin = origin};
  record.event.time = absl::FromUnixMillis(absl::ToUnixMillis(event.time));
  record.digest = AuditDigest(head.digest, record.number, origin, record.event);
  head.newest = record.number;
  head.digest = record.digest;
  records.push_back(std::move(record));
}

absl::Status CheckOutbox(const AuditCursor& after, const AuditCursor& upto,
                         absl::Span<const OutboxRow> rows) {
  if (rows.size() > limits::kMaxOutboxRows) {
    return errors::TooLarge("the number of outbox rows", rows.size(), limits::kMaxOutboxRows);
  }
  AuditCursor last = after;
  const auto follows = [&](const AuditCursor& next) {
    return next.epoch == last.epoch ? next.seq > last.seq
                                    : last.epoch == after.epoch && next.epoch == upto.epoch;
  };
  for (const OutboxRow& row : rows) {
    const AuditCursor next = {.epoch = row.epoch, .seq = row.seq};
    if (row.epoch == 0 || row.seq < 1 || !follows(next)) {
      return errors::OutboxOutOfOrder(absl::StrCat(
          "epoch ", row.epoch, ", row ", row.seq, " after epoch ", last.epoch, ", row ", last.seq));
    }
    SB_RETURN_IF_ERROR(CheckAuditEvent(row.event));
    last = next;
  }
  if (upto != last && (upto.epoch == 0 || upto.seq < 0 || !follows(upto))) {
    return errors::OutboxOutOfOrder(
        absl::StrCat("the cursor would go back to epoch ", upto.epoch, ", row ", upto.seq));
  }
  return absl::OkStatus();
}

AuditAppend PlanOutbox(const AuditHead& head, const AuditCursor& upto,
                       absl::Span<const OutboxRow> rows, absl::Time now) {
  AuditAppend append = {.head = head, .records = {}};
  const auto enter = [&](uint64_t epoch) {
    const uint64_t left = append.head.cursor.epoch;
    if (epoch == left) return;
    append.head.cursor = {.epoch = epoch, .seq = 0};
    append.head.revision = Revision{0};
    if (left == 0) return;
    append.Add({.time = now,
                .principal = "signalbox",
                .action = "store restored",
                .detail = absl::StrCat("epoch ", left, " ended, epoch ", epoch, " began")},
               {});
  };
  for (const OutboxRow& row : rows) {
    enter(row.epoch);
    append.Add(row.event, {.epoch = row.epoch, .seq = row.seq});
    append.head.revision = std::max(append.head.revision, row.event.revision);
  }
  enter(upto.epoch);
  append.head.cursor = upto;
  return append;
}

AuditHead PlanPrune(const AuditHead& head, absl::Span<const AuditStep> oldest,
                    const AuditRetention& retention, absl::Time now) {
  AuditHead pruned = head;
  const absl::Time kept_since = absl::FromUnixMillis(KeptSinceMillis(now, retention.age));
  for (const AuditStep& step : oldest) {
    const int64_t newer = head.newest - step.number;
    const bool beyond_count = newer >= retention.count;
    const bool beyond_age = step.time < kept_since && newer >= limits::kAuditAlwaysKept;
    if (!beyond_count && !beyond_age) break;
    pruned.oldest = step.number + 1;
    pruned.oldest_digest = step.digest;
  }
  return pruned;
}

absl::Status CheckAuditFilter(const AuditFilter& filter) {
  for (const auto* text : {&filter.principal, &filter.action, &filter.resource}) {
    if (!text->has_value()) continue;
    SB_RETURN_IF_ERROR(
        CheckText("a filter of audit events", **text, limits::kMaxAuditResourceBytes));
  }
  if (filter.since.has_value()) SB_RETURN_IF_ERROR(CheckTime("a filter's since", *filter.since));
  if (filter.until.has_value()) SB_RETURN_IF_ERROR(CheckTime("a filter's until", *filter.until));
  return absl::OkStatus();
}

AuditPosition AuditBound(const AuditFilter& filter, const std::optional<AuditPosition>& below) {
  // Numbers begin at 1: nothing at `until` itself is below it.
  AuditPosition bound = {.time = filter.until.value_or(kEndOfTime), .number = 0};
  if (below.has_value() && below->time < bound.time) bound = *below;
  return bound;
}

void CutPage(size_t count, AuditPage* page) {
  if (page->records.size() <= count) return;
  page->records.resize(count);
  page->next_below =
      AuditPosition{.time = page->records.back().event.time, .number = page->records.back().number};
}

absl::StatusOr<AuditHead> VerifyAuditChain(const ReadAuditChain& read) {
  int64_t last = -1;  // nothing was read yet
  Digest digest;
  while (true) {
    SB_ASSIGN_OR_RETURN(const AuditChainPart part, read(last, limits::kMaxPageSize));
    if (last < part.head.oldest - 1) {
      // The first part, or what comes next was pruned meanwhile.
      last = part.head.oldest - 1;
      digest = part.head.oldest_digest;
    }
    bool any = false;
    for (const AuditRecord& record : part.records) {
      if (record.number <= last) continue;
      any = true;
      if (record.number != last + 1) {
        return errors::StoreDamaged(absl::StrCat("audit event ", last + 1, " is missing"));
      }
      digest = AuditDigest(digest, record.number, record.origin, record.event);
      if (digest != record.digest) {
        return errors::StoreDamaged(
            absl::StrCat("audit event ", record.number, " does not fit the chain of digests"));
      }
      last = record.number;
    }
    if (any && last < part.head.newest) continue;
    if (last != part.head.newest) {
      return errors::StoreDamaged(last < part.head.newest
                                      ? absl::StrCat("audit event ", last + 1, " is missing")
                                      : absl::StrCat("audit event ", last, " is beyond the head"));
    }
    if (digest != part.head.digest) {
      return errors::StoreDamaged("the audit log's head does not fit the chain of digests");
    }
    return part.head;
  }
}

}  // namespace signalbox
