// What AuditLog promises, of every backend.
#include "storage/audit_log.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "tests/storage/conformance/area_fixtures.h"

namespace signalbox::testing {
namespace {

AuditEvent Event(absl::string_view principal, absl::string_view action = "login") {
  return {.principal = std::string(principal), .action = std::string(action)};
}

OutboxRow Row(uint64_t epoch, int64_t seq, int64_t revision = 0) {
  return {.epoch = epoch,
          .seq = seq,
          .event = {.time = absl::FromUnixMillis(1000 + seq),
                    .principal = "alice",
                    .action = "apply",
                    .revision = Revision{revision}}};
}

std::vector<OutboxRow> Rows(uint64_t epoch, int64_t first, int64_t last) {
  std::vector<OutboxRow> rows;
  for (int64_t seq = first; seq <= last; ++seq) rows.push_back(Row(epoch, seq, seq));
  return rows;
}

std::vector<std::string> Actions(const std::vector<AuditRecord>& records) {
  std::vector<std::string> actions;
  for (const AuditRecord& record : records) actions.push_back(record.event.action);
  return actions;
}

std::vector<std::string> Principals(const std::vector<AuditRecord>& records) {
  std::vector<std::string> principals;
  for (const AuditRecord& record : records) principals.push_back(record.event.principal);
  return principals;
}

// The first event with a number above `after`.
AuditRecord FirstAfter(AuditLog& log, int64_t after) {
  const auto records = log.ListAfter(after, 1);
  REQUIRE(records.ok());
  REQUIRE(!records->empty());
  return records->front();
}

using Names = std::vector<std::string>;

TEMPLATE_LIST_TEST_CASE("a new audit log is empty and its chain holds", "[audit]", AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  const auto head = log->ReadHead();
  REQUIRE(head.ok());
  CHECK(head->cursor == AuditCursor{});
  CHECK(head->newest == 0);
  CHECK(head->oldest == 1);
  CHECK(head->digest == Digest{});
  CHECK(log->VerifyChain().ok());
  CHECK(log->List({}, std::nullopt, 10)->records.empty());
  CHECK(log->ListAfter(0, 10)->empty());
  CHECK(*log->SizeBytes() > 0);
}

TEMPLATE_LIST_TEST_CASE("an event is read back whole, with the log's own time", "[audit]",
                        AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  AuditEvent event = {.time = absl::FromUnixSeconds(5),
                      .principal = "al\"ice\n",
                      .action = "read secret",
                      .resource = "default/secret/Grüße",
                      .revision = Revision{7},
                      .request_id = "r-1",
                      .outcome = AuditOutcome::kRefused,
                      .detail = "ßé\xF0\x9F\x98\x80",
                      .source = "10.0.0.1:1"};
  fixture.clock.Advance(absl::Microseconds(1234));
  REQUIRE(log->Append(event).ok());
  const auto records = log->ListAfter(0, 10);
  REQUIRE(records.ok());
  REQUIRE(records->size() == 1);
  event.time = absl::FromUnixMillis(absl::ToUnixMillis(fixture.clock.Now()));
  CHECK((*records)[0].event == event);
  CHECK((*records)[0].number == 1);
  CHECK((*records)[0].origin == AuditCursor{});
  CHECK((*records)[0].digest == AuditDigest(Digest{}, 1, {}, event));
  CHECK(log->ReadHead()->digest == (*records)[0].digest);
}

TEMPLATE_LIST_TEST_CASE("what is no text, too long or missing is refused and not written",
                        "[audit]", AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  std::vector<AuditEvent> bad(6, Event("a"));
  bad[0].principal = "";
  bad[1].action = "";
  bad[2].detail = std::string("a\0b", 3);
  bad[3].source = "\xff";
  bad[4].request_id = std::string(limits::kMaxRequestIdBytes + 1, 'x');
  bad[5].resource = std::string(limits::kMaxAuditResourceBytes + 1, 'x');
  for (const AuditEvent& event : bad) {
    CHECK(log->Append(event).code() == absl::StatusCode::kInvalidArgument);
    OutboxRow row = Row(1, 1);
    row.event = event;
    CHECK(log->AppendFromOutbox({}, {1, 1}, {row}).code() == absl::StatusCode::kInvalidArgument);
  }
  CHECK(log->ReadHead()->newest == 0);
}

TEMPLATE_LIST_TEST_CASE("outbox rows are moved together with the cursor", "[audit]", AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  REQUIRE(log->AppendFromOutbox({}, {9, 3}, Rows(9, 1, 3)).ok());
  auto head = log->ReadHead();
  CHECK(head->cursor == AuditCursor{9, 3});
  CHECK(head->revision == Revision{3});
  CHECK(head->newest == 3);
  const auto records = log->ListAfter(0, 10);
  REQUIRE(records->size() == 3);
  CHECK((*records)[1].origin == AuditCursor{9, 2});
  CHECK((*records)[1].event == Row(9, 2, 2).event);
  REQUIRE(log->AppendFromOutbox({9, 3}, {9, 3}, {}).ok());
  CHECK(log->ReadHead()->newest == 3);
  CHECK(log->VerifyChain().ok());
}

TEMPLATE_LIST_TEST_CASE("an epoch with all of its 64 bits comes back as it is", "[audit]",
                        AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  const uint64_t epoch = 0xfedcba9876543210;
  REQUIRE(log->AppendFromOutbox({}, {epoch, 1}, Rows(epoch, 1, 1)).ok());
  CHECK(log->ReadHead()->cursor == AuditCursor{epoch, 1});
  CHECK(FirstAfter(*log, 0).origin == AuditCursor{epoch, 1});
}

TEMPLATE_LIST_TEST_CASE("a second try of the same rows is told that the cursor has moved",
                        "[audit]", AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  auto other = fixture.OpenAuditLog();
  REQUIRE(log->AppendFromOutbox({}, {9, 2}, Rows(9, 1, 2)).ok());
  CHECK(other->AppendFromOutbox({}, {9, 2}, Rows(9, 1, 2)).code() == absl::StatusCode::kAborted);
  CHECK(log->AppendFromOutbox({9, 1}, {9, 2}, Rows(9, 2, 2)).code() == absl::StatusCode::kAborted);
  CHECK(log->AppendFromOutbox({8, 2}, {9, 3}, Rows(9, 3, 3)).code() == absl::StatusCode::kAborted);
  CHECK(log->ReadHead()->newest == 2);
}

TEMPLATE_LIST_TEST_CASE("rows that do not lead from cursor to cursor are refused", "[audit]",
                        AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  REQUIRE(log->AppendFromOutbox({}, {9, 5}, Rows(9, 1, 5)).ok());
  const auto refused = [&](const AuditCursor& upto, const std::vector<OutboxRow>& rows) {
    return log->AppendFromOutbox({9, 5}, upto, rows).code() == absl::StatusCode::kInvalidArgument;
  };
  CHECK(refused({9, 6}, {Row(9, 5)}));               // moved already
  CHECK(refused({9, 7}, {Row(9, 7), Row(9, 6)}));    // out of order
  CHECK(refused({9, 6}, {Row(9, 6), Row(9, 6)}));    // twice
  CHECK(refused({9, 6}, {Row(9, 7)}));               // beyond the new cursor
  CHECK(refused({9, 4}, {}));                        // back
  CHECK(refused({9, 6}, {Row(8, 6)}));               // of neither epoch
  CHECK(refused({0, 0}, {}));                        // to no epoch
  CHECK(refused({10, 1}, {Row(10, 1), Row(9, 6)}));  // back to the old epoch
  CHECK(refused({9, 6 + static_cast<int64_t>(limits::kMaxOutboxRows)},
                Rows(9, 6, 6 + static_cast<int64_t>(limits::kMaxOutboxRows))));
  CHECK(log->ReadHead()->cursor == AuditCursor{9, 5});
  CHECK(log->ReadHead()->newest == 5);
}

TEMPLATE_LIST_TEST_CASE("a new epoch is told by an event between the rows of the two", "[audit]",
                        AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  REQUIRE(log->AppendFromOutbox({}, {9, 2}, Rows(9, 1, 2)).ok());
  std::vector<OutboxRow> rows = Rows(9, 3, 3);
  rows.push_back(Row(11, 1, 2));
  REQUIRE(log->AppendFromOutbox({9, 2}, {11, 1}, rows).ok());
  CHECK(Actions(*log->ListAfter(0, 10)) ==
        Names{"apply", "apply", "apply", "store restored", "apply"});
  CHECK(log->ReadHead()->cursor == AuditCursor{11, 1});
  CHECK(log->ReadHead()->revision == Revision{2});
  REQUIRE(log->AppendFromOutbox({11, 1}, {12, 0}, {}).ok());
  CHECK(FirstAfter(*log, 5).event.action == "store restored");
  CHECK(log->ReadHead()->cursor == AuditCursor{12, 0});
  CHECK(log->ReadHead()->revision == Revision{0});
  CHECK(log->VerifyChain().ok());
}

TEMPLATE_LIST_TEST_CASE("lists show the newest first, page by page", "[audit]", AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  for (int i = 0; i < 5; ++i) {
    REQUIRE(log->Append(Event(absl::StrCat("p", i))).ok());
    if (i % 2 == 0) fixture.clock.Advance(absl::Seconds(1));  // some share their time
  }
  Names seen;
  std::optional<AuditPosition> below;
  int pages = 0;
  do {
    const auto page = log->List({}, below, 2);
    REQUIRE(page.ok());
    for (const std::string& principal : Principals(page->records)) seen.push_back(principal);
    below = page->next_below;
    ++pages;
  } while (below.has_value());
  CHECK(seen == Names{"p4", "p3", "p2", "p1", "p0"});
  CHECK(pages == 3);
  CHECK(log->List({}, std::nullopt, 0)->records.size() == 1);
  CHECK(!log->List({}, std::nullopt, 5)->next_below.has_value());
}

TEMPLATE_LIST_TEST_CASE("what happened earlier stands below, however late it was moved", "[audit]",
                        AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  REQUIRE(log->Append(Event("late")).ok());
  REQUIRE(log->AppendFromOutbox({}, {9, 1}, Rows(9, 1, 1)).ok());
  CHECK(Principals(log->List({}, std::nullopt, 10)->records) == Names{"late", "alice"});
  CHECK(Principals(*log->ListAfter(0, 10)) == Names{"late", "alice"});
  CHECK(FirstAfter(*log, 1).number == 2);
  CHECK(log->ListAfter(2, 10)->empty());
}

TEMPLATE_LIST_TEST_CASE("filters choose by principal, action, resource, outcome and time",
                        "[audit]", AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  const absl::Time start = fixture.clock.Now();
  const auto add = [&](absl::string_view principal, absl::string_view action,
                       absl::string_view resource, AuditOutcome outcome) {
    AuditEvent event = Event(principal, action);
    event.resource = std::string(resource);
    event.outcome = outcome;
    REQUIRE(log->Append(event).ok());
    fixture.clock.Advance(absl::Seconds(1));
  };
  add("a", "login", "", AuditOutcome::kDone);
  add("b", "login", "", AuditOutcome::kRefused);
  add("a", "read secret", "default/secret/x", AuditOutcome::kDone);
  add("B", "read secret", "default/secret/x", AuditOutcome::kFailed);
  const auto found = [&](const AuditFilter& filter) {
    std::vector<int64_t> numbers;
    const auto page = log->List(filter, std::nullopt, 10);
    REQUIRE(page.ok());
    for (const AuditRecord& record : page->records) numbers.push_back(record.number);
    return numbers;
  };
  using Numbers = std::vector<int64_t>;
  CHECK(found({.principal = "a"}) == Numbers{3, 1});
  CHECK(found({.principal = "b"}) == Numbers{2});
  CHECK(found({.action = "login"}) == Numbers{2, 1});
  CHECK(found({.resource = "default/secret/x"}) == Numbers{4, 3});
  CHECK(found({.resource = ""}) == Numbers{2, 1});
  CHECK(found({.outcome = AuditOutcome::kDone}) == Numbers{3, 1});
  CHECK(found({.principal = "a", .action = "login"}) == Numbers{1});
  CHECK(found({.principal = "a", .resource = "default/secret/x"}) == Numbers{3});
  CHECK(found({.principal = "nobody"}).empty());
  CHECK(found({.since = start + absl::Seconds(2)}) == Numbers{4, 3});
  CHECK(found({.until = start + absl::Seconds(2)}) == Numbers{2, 1});
  CHECK(found({.principal = "a", .since = start + absl::Seconds(1)}) == Numbers{3});
  CHECK(found({.since = start, .until = start}).empty());
  CHECK(log->List({.principal = "\xff"}, std::nullopt, 10).status().code() ==
        absl::StatusCode::kInvalidArgument);
  const auto page = log->List({.action = "login"}, std::nullopt, 1);
  REQUIRE(page->next_below.has_value());
  CHECK(log->List({.action = "login"}, page->next_below, 1)->records.front().number == 1);
}

TEMPLATE_LIST_TEST_CASE("events that are written at once are all there, each once", "[audit]",
                        AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  auto other = fixture.OpenAuditLog();
  constexpr int kThreads = 8;
  constexpr int kEach = 10;
  std::vector<absl::Status> results(kThreads * kEach);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        AuditLog& one = t % 2 == 0 ? *log : *other;
        results[static_cast<size_t>(t * kEach + i)] = one.Append(Event(absl::StrCat(t, "-", i)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& result : results) CHECK(result.ok());
  Names principals = Principals(*log->ListAfter(0, 1000));
  CHECK(principals.size() == kThreads * kEach);
  std::sort(principals.begin(), principals.end());
  CHECK(std::unique(principals.begin(), principals.end()) == principals.end());
  CHECK(log->VerifyChain()->newest == kThreads * kEach);
}

TEMPLATE_LIST_TEST_CASE("a log that was closed goes on where it was", "[audit]", AreaFixtures) {
  if (!TestType::kReopens) {
    WARN("n/a: nothing survives in memory");
    return;
  }
  TestType fixture;
  AuditHead before;
  {
    auto log = fixture.OpenAuditLog();
    REQUIRE(log->AppendFromOutbox({}, {9, 2}, Rows(9, 1, 2)).ok());
    before = *log->ReadHead();
  }
  fixture.Close();
  auto log = fixture.OpenAuditLog();
  const auto head = log->ReadHead();
  REQUIRE(head.ok());
  CHECK(head->digest == before.digest);
  CHECK(head->cursor == before.cursor);
  REQUIRE(log->Append(Event("a")).ok());
  CHECK(log->VerifyChain()->newest == 3);
}

TEMPLATE_LIST_TEST_CASE("an event that was changed, moved or cut out breaks the chain", "[audit]",
                        AreaFixtures) {
  const std::string statement =
      GENERATE("UPDATE $ SET detail = 'other' WHERE number = 2",
               "UPDATE $ SET principal = 'x' WHERE number = 3", "DELETE FROM $ WHERE number = 2",
               "DELETE FROM $ WHERE number = 3", "DELETE FROM $ WHERE number = 1",
               "UPDATE $ SET seq = 7 WHERE number = 1");
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  for (int i = 0; i < 3; ++i) REQUIRE(log->Append(Event("a")).ok());
  REQUIRE(log->VerifyChain().ok());
  std::string sql = statement;
  sql.replace(sql.find('$'), 1, TestType::kEvents);
  CAPTURE(sql);
  fixture.Run(sql);
  CHECK(log->VerifyChain().status().code() == absl::StatusCode::kDataLoss);
}

TEMPLATE_LIST_TEST_CASE("pruning by count keeps the newest, and the chain holds from there",
                        "[audit]", AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  REQUIRE(log->AppendFromOutbox({}, {9, 900}, Rows(9, 1, 900)).ok());
  CHECK(*log->Prune({.count = 900}) == 0);
  CHECK(*log->Prune({.count = 100}) == limits::kMaxPrunedRows);
  CHECK(log->VerifyChain().ok());
  CHECK(*log->Prune({.count = 100}) == 300);
  CHECK(*log->Prune({.count = 100}) == 0);
  const auto head = log->VerifyChain();
  REQUIRE(head.ok());
  CHECK(head->oldest == 801);
  CHECK(head->newest == 900);
  CHECK(log->ListAfter(0, 1000)->size() == 100);
  CHECK(*log->Prune({.count = 0}) == 100);
  CHECK(log->VerifyChain()->oldest == 901);
  REQUIRE(log->Append(Event("a")).ok());
  CHECK(FirstAfter(*log, 0).number == 901);
  CHECK(log->VerifyChain().ok());
}

TEMPLATE_LIST_TEST_CASE("pruning by age keeps what is young, and the newest thousand", "[audit]",
                        AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  REQUIRE(log->AppendFromOutbox({}, {9, 1000}, Rows(9, 1, 1000)).ok());
  for (int i = 0; i < 5; ++i) REQUIRE(log->Append(Event("a")).ok());
  fixture.clock.Advance(absl::Hours(2));
  CHECK(*log->Prune({.age = absl::InfiniteDuration()}) == 0);
  CHECK(*log->Prune({.age = absl::Hours(1)}) == 5);
  CHECK(*log->Prune({.age = absl::ZeroDuration()}) == 0);
  CHECK(log->ReadHead()->oldest == 6);
  REQUIRE(log->AppendFromOutbox({9, 1000}, {9, 2000}, Rows(9, 1001, 2000)).ok());
  CHECK(*log->Prune({.age = absl::Hours(3)}) == limits::kMaxPrunedRows);
  CHECK(*log->Prune({.age = absl::Hours(3)}) == 495);  // up to the young ones that came directly
  CHECK(*log->Prune({.age = absl::Hours(3)}) == 0);
  CHECK(log->VerifyChain().ok());
}

TEMPLATE_LIST_TEST_CASE("a head that was set back, forward or to another digest is found",
                        "[audit]", AreaFixtures) {
  const std::string statement =
      GENERATE("UPDATE $ SET newest = 2", "UPDATE $ SET newest = 4",
               "UPDATE $ SET digest = oldest_digest", "UPDATE $ SET oldest = 2");
  CAPTURE(statement);
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  for (int i = 0; i < 3; ++i) REQUIRE(log->Append(Event("a")).ok());
  std::string sql = statement;
  sql.replace(sql.find('$'), 1, TestType::kHead);
  fixture.Run(sql);
  CHECK(log->VerifyChain().status().code() == absl::StatusCode::kDataLoss);
}

TEMPLATE_LIST_TEST_CASE("an event with every text at its limit is taken", "[audit]", AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  AuditEvent event = {.principal = Incompressible(limits::kMaxNameBytes),
                      .action = Incompressible(limits::kMaxNameBytes),
                      .resource = Incompressible(limits::kMaxAuditResourceBytes),
                      .request_id = Incompressible(limits::kMaxRequestIdBytes),
                      .detail = Incompressible(limits::kMaxMessageBytes),
                      .source = Incompressible(limits::kMaxNameBytes)};
  REQUIRE(log->Append(event).ok());
  event.time = fixture.clock.Now();
  CHECK(FirstAfter(*log, 0).event == event);
  CHECK(log->List({.resource = event.resource}, std::nullopt, 10)->records.size() == 1);
}

TEMPLATE_LIST_TEST_CASE("the newest revision that was moved is remembered, whatever comes after it",
                        "[audit]", AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  REQUIRE(log->AppendFromOutbox({}, {9, 3}, {Row(9, 1, 5), Row(9, 2, 7), Row(9, 3, 0)}).ok());
  CHECK(log->ReadHead()->revision == Revision{7});
  REQUIRE(log->AppendFromOutbox({9, 3}, {9, 4}, {Row(9, 4, 0)}).ok());
  AuditEvent direct = Event("a", "read secret");
  direct.revision = Revision{99};
  REQUIRE(log->Append(direct).ok());
  CHECK(log->ReadHead()->revision == Revision{7});
}

TEMPLATE_LIST_TEST_CASE("of two followers with one cursor, one moves the rows", "[audit]",
                        AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  auto other = fixture.OpenAuditLog();
  for (int round = 0; round < 10; ++round) {
    const AuditCursor after = log->ReadHead()->cursor;
    const AuditCursor upto = {9, after.seq + 3};
    const std::vector<OutboxRow> rows = Rows(9, after.seq + 1, upto.seq);
    absl::Status second;
    std::thread thread([&] { second = other->AppendFromOutbox(after, upto, rows); });
    const absl::Status first = log->AppendFromOutbox(after, upto, rows);
    thread.join();
    CHECK(first.ok() != second.ok());
    CHECK((first.ok() ? second : first).code() == absl::StatusCode::kAborted);
  }
  CHECK(log->VerifyChain()->newest == 30);
}

TEMPLATE_LIST_TEST_CASE("the chain is verified and pruned while events come", "[audit]",
                        AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  auto other = fixture.OpenAuditLog();
  REQUIRE(log->AppendFromOutbox({}, {9, 1000}, Rows(9, 1, 1000)).ok());
  std::vector<absl::Status> appended(40);
  std::thread writer([&] {
    for (absl::Status& status : appended) status = other->Append(Event("w"));
  });
  std::vector<absl::Status> verified;
  for (int i = 0; i < 6; ++i) {
    verified.push_back(log->VerifyChain().status());
    verified.push_back(log->Prune({.count = 900 - 100 * i}).status());
  }
  writer.join();
  for (const absl::Status& status : verified) CHECK(status.ok());
  for (const absl::Status& status : appended) CHECK(status.ok());
  CHECK(log->VerifyChain()->newest == 1040);
}

TEMPLATE_LIST_TEST_CASE("events that come between two pages are on neither", "[audit]",
                        AreaFixtures) {
  TestType fixture;
  auto log = fixture.OpenAuditLog();
  for (int i = 0; i < 4; ++i) REQUIRE(log->Append(Event(absl::StrCat("p", i))).ok());
  const auto first = log->List({}, std::nullopt, 2);
  REQUIRE(first->next_below.has_value());
  REQUIRE(log->Append(Event("between")).ok());
  CHECK(Principals(log->List({}, first->next_below, 10)->records) == Names{"p1", "p0"});
}

}  // namespace
}  // namespace signalbox::testing
