// What reads make of rows that are not what was written, of every store; and what is stored of
// what.
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/resource_store.h"
#include "tests/storage/conformance/store_fixtures.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox::testing {
namespace {

using absl::StatusCode;

// A cluster `a` with every part of a record, at revision 1; another one at revision 2.
void Fill(ResourceStore& store) {
  Upsert whole = Cluster("a", "body a");
  whole.record.targets = {"edge"};
  whole.record.labels = {{"env", "prod"}};
  whole.record.annotations = {{"why", "x"}};
  whole.record.owner = "ci";
  whole.record.source = "a.yaml:1";
  MustCommit(store, Changes({whole}));
  MustCommit(store, Changes({Cluster("b", "body b")}));
}

TEMPLATE_LIST_TEST_CASE("a body that is not what was written is found by every read that has it",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  fixture.Execute("UPDATE $body SET bytes = hash WHERE id = (SELECT min(id) FROM $body)");
  CHECK(store->Get(ClusterKey("a")).status().code() == StatusCode::kDataLoss);
  CHECK(store->LoadHead().status().code() == StatusCode::kDataLoss);
  CHECK(store->List({}, std::nullopt, 10).status().code() == StatusCode::kDataLoss);
  CHECK(store->History(ClusterKey("a"), std::nullopt, 10).status().code() == StatusCode::kDataLoss);
  CHECK(store->LoadAt(Revision{1}).status().code() == StatusCode::kDataLoss);
  CHECK(store->ChangesSince(Revision{0}).status().code() == StatusCode::kDataLoss);
  // What does not have it is read all the same.
  CHECK(store->Get(ClusterKey("b")).ok());
  CHECK(store->ReadHead().ok());
  CHECK(store->ChangesSince(Revision{1}).ok());
}

TEMPLATE_LIST_TEST_CASE("any part of a record that was changed is found", "[store]",
                        StoreFixtures) {
  const std::string change =
      GENERATE("owner = 'mallory'", "source = ''", "targets = '[]'", "labels = '{}'",
               "annotations = '{\"why\": \"y\"}'", "body = (SELECT max(id) FROM $body)");
  CAPTURE(change);
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  fixture.Execute(
      absl::StrCat("UPDATE $record SET ", change, " WHERE id = (SELECT min(id) FROM $record)"));
  const auto read = store->Get(ClusterKey("a"));
  CHECK(read.status().code() == StatusCode::kDataLoss);
  CHECK(std::string(read.status().message()).find("default/cluster/a") != std::string::npos);
  CHECK(store->ChangesSince(Revision{0}).status().code() == StatusCode::kDataLoss);
}

TEMPLATE_LIST_TEST_CASE("a history that was changed breaks the chain", "[store]", StoreFixtures) {
  const std::string change =
      GENERATE("UPDATE $revision SET author = 'mallory' WHERE number = 1",
               "UPDATE $revision SET kind = 2 WHERE number = 1",
               "UPDATE $revision SET epoch = epoch + 1 WHERE number = 2",
               "UPDATE $revision SET request_id = 'r' WHERE number = 2",
               "UPDATE $revision SET digest = previous_digest WHERE number = 2",
               "UPDATE $revision SET previous_digest = digest WHERE number = 2",
               "UPDATE $resource_history SET record = NULL WHERE revision = 1",
               "UPDATE $resource_history SET revision = 1 WHERE revision = 2",
               "DELETE FROM $resource_history WHERE revision = 2",
               "UPDATE $head SET digest = oldest_digest", "UPDATE $head SET revision = 3");
  CAPTURE(change);
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  fixture.Execute(change);
  CHECK(store->ChangesSince(Revision{0}).status().code() == StatusCode::kDataLoss);
}

TEMPLATE_LIST_TEST_CASE("a body that several resources and revisions have is stored once",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a", "same"), Cluster("b", "same"), Cluster("c", "same")}));
  MustCommit(*store, Changes({Cluster("a", "other")}));
  MustCommit(*store, Changes({Cluster("a", "same")}));
  Upsert labelled = Cluster("d", "same");
  labelled.record.labels = {{"k", "v"}};
  MustCommit(*store, Changes({labelled}));
  CHECK(fixture.Execute("SELECT count(*) FROM $body") == "2");
  CHECK(fixture.Execute("SELECT count(*) FROM $record") == "3");
  CHECK(fixture.Execute("SELECT count(*) FROM $resource_key") == "4");
}

TEMPLATE_LIST_TEST_CASE("what is stored of a secret does not hold its content, history included",
                        "[store][seal]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const auto held = [&] {
    return fixture.Execute(absl::StrCat("SELECT count(*) FROM $body WHERE ", TestType::kNeedle));
  };
  Upsert secret = Cluster("s", "a needle");
  secret.key.type = "secret";
  MustCommit(*store, Changes({secret}));
  secret.record.body = "another needle";
  MustCommit(*store, Changes({secret}));
  CHECK(held() == "0");
  CHECK(store->Get(secret.key)->record->body == "another needle");
  REQUIRE(
      store->RotateKey(ResourceStore::NewKey::kYes, {.principal = "alice", .action = "rotate key"})
          .ok());
  CHECK(held() == "0");
  MustCommit(*store, Changes({Cluster("c", "a needle")}));
  CHECK(held() == "1");  // the question is a good one
}

TEMPLATE_LIST_TEST_CASE("a secret whose sealed bytes were moved to another does not open",
                        "[store][seal]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Upsert first = Cluster("first", "one");
  first.key.type = "secret";
  Upsert second = Cluster("second", "two");
  second.key.type = "secret";
  MustCommit(*store, Changes({first, second}));
  fixture.Execute(
      "UPDATE $body SET bytes = (SELECT bytes FROM $body WHERE id = (SELECT max(id) FROM $body)) "
      "WHERE id = (SELECT min(id) FROM $body)");
  int damaged = 0;
  for (const Upsert& secret : {first, second}) {
    const auto read = store->Get(secret.key);
    if (read.status().code() == StatusCode::kDataLoss) ++damaged;
    if (read.ok()) CHECK(read->record->body == secret.record.body);
  }
  CHECK(damaged == 1);
}

}  // namespace
}  // namespace signalbox::testing
