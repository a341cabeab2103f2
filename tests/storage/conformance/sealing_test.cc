// What every store promises of secrets: they come back as they were, and nothing that is stored or
// shown beside them follows from their content without the store's key.
#include <atomic>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/hash.h"
#include "storage/model/change_set.h"
#include "storage/resource_store.h"
#include "tests/storage/conformance/store_fixtures.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox::testing {
namespace {

using NewKey = ResourceStore::NewKey;

ResourceKey SecretKey(absl::string_view name) {
  return {.namespace_name = "default", .type = "secret", .name = std::string(name)};
}

Upsert Secret(absl::string_view name, absl::string_view body = "private key") {
  return {.key = SecretKey(name), .record = {.body = std::string(body)}};
}

AuditEvent Rotated() { return {.principal = "alice", .action = "rotate key", .source = "unix"}; }

Resource MustGet(ResourceStore& store, const ResourceKey& key) {
  auto resource = store.Get(key);
  REQUIRE(resource.ok());
  return *std::move(resource);
}

TEMPLATE_LIST_TEST_CASE("a secret comes back whole from every read", "[store][seal]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Upsert secret = Secret("tls", std::string("private\0key\xff", 12));
  secret.record.targets = {"g1"};
  secret.record.labels = {{"env", "prod"}};
  secret.record.annotations = {{"note", "x"}};
  secret.record.owner = "bob";
  secret.record.source = "a.yaml:3";
  const Revision revision = MustCommit(*store, Changes({secret, Cluster("a")}));
  MustCommit(*store, Changes({Secret("tls", "another")}));

  const auto changes = store->ChangesSince(Revision{0});
  REQUIRE(changes.ok());
  REQUIRE(changes->size() == 2);
  CHECK(*(*changes)[0].upserts.back().record == secret.record);
  const auto history = store->History(SecretKey("tls"), std::nullopt, 10);
  REQUIRE(history.ok());
  REQUIRE(history->changes.size() == 2);
  CHECK(history->changes[0].resource->record->body == "another");
  CHECK(*history->changes[1].resource->record == secret.record);
  const auto at = store->LoadAt(revision);
  REQUIRE(at.ok());
  CHECK(*at->resources.back().record == secret.record);

  MustCommit(*store, Changes({secret}));
  CHECK(*MustGet(*store, SecretKey("tls")).record == secret.record);
  const auto head = store->LoadHead();
  REQUIRE(head.ok());
  CHECK(*head->resources.back().record == secret.record);
  const auto page = store->List({.type = "secret", .labels = {{"env", "prod"}}}, std::nullopt, 10);
  REQUIRE(page.ok());
  REQUIRE(page->resources.size() == 1);
  CHECK(*page->resources[0].record == secret.record);
}

TEMPLATE_LIST_TEST_CASE("an empty secret and one as large as may be come back", "[store][seal]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const std::string large(4 << 20, 'k');
  MustCommit(*store, Changes({Secret("empty", ""), Secret("large", large)}));
  CHECK(MustGet(*store, SecretKey("empty")).record->body.empty());
  CHECK((MustGet(*store, SecretKey("large")).record->body == large));
}

TEMPLATE_LIST_TEST_CASE("a secret's hashes cannot be computed from its content", "[store][seal]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Secret("s", "pw"), Cluster("c", "pw")}));
  const Resource secret = MustGet(*store, SecretKey("s"));
  CHECK(secret.body_hash != Sha256("pw"));
  CHECK(secret.record_hash != secret.record->Hash());
  CHECK(secret.record_hash != secret.record->Hash(secret.body_hash));
  const Resource cluster = MustGet(*store, ClusterKey("c"));
  CHECK(cluster.body_hash == Sha256("pw"));
  CHECK(cluster.record_hash == cluster.record->Hash());
}

TEMPLATE_LIST_TEST_CASE("two stores hash the same secret differently", "[store][seal]",
                        StoreFixtures) {
  TestType one, other;
  auto first = one.Open();
  auto second = other.Open();
  MustCommit(*first, Changes({Secret("s")}));
  MustCommit(*second, Changes({Secret("s")}));
  CHECK(MustGet(*first, SecretKey("s")).body_hash != MustGet(*second, SecretKey("s")).body_hash);
}

TEMPLATE_LIST_TEST_CASE("a secret that is applied again as it is makes no revision",
                        "[store][seal]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Secret("s")}));
  const auto again = CommitOnHead(*store, Changes({Secret("s")}));
  REQUIRE(again.ok());
  CHECK(again->outcome == Committed::Outcome::kUnchanged);
  CHECK(again->unchanged == 1);
}

TEMPLATE_LIST_TEST_CASE("a secret's label changes its record and not its version", "[store][seal]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Secret("s")}));
  const Resource before = MustGet(*store, SecretKey("s"));
  Upsert labelled = Secret("s");
  labelled.record.labels = {{"a", "b"}};
  MustCommit(*store, Changes({labelled}));
  const Resource after = MustGet(*store, SecretKey("s"));
  CHECK(after.body_hash == before.body_hash);
  CHECK(after.record_hash != before.record_hash);
  CHECK(after.record->body == "private key");
}

TEMPLATE_LIST_TEST_CASE("a retry that holds a secret is known again", "[store][seal]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  ChangeSet changes = Changes({Secret("s")});
  changes.request_id = "r1";
  const Revision made = MustCommit(*store, changes);
  if constexpr (TestType::kReopens) {
    store.reset();
    store = fixture.Open();
  }
  const auto retried = CommitOnHead(*store, changes);
  REQUIRE(retried.ok());
  CHECK(retried->outcome == Committed::Outcome::kRepeated);
  CHECK(retried->revision == made);
  changes.upserts[0].record.body = "another";
  CHECK(CommitOnHead(*store, changes).status().code() == absl::StatusCode::kInvalidArgument);
}

TEMPLATE_LIST_TEST_CASE("a rotation changes no hash, no version and no digest", "[store][seal]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Secret("a", "1"), Secret("b", "2"), Cluster("c")}));
  MustCommit(*store, Changes({Secret("a", "3")}, {SecretKey("b")}));
  const auto before = store->LoadHead();
  REQUIRE(before.ok());
  const auto rotation = store->RotateKey(NewKey::kYes, Rotated());
  REQUIRE(rotation.ok());
  CHECK(rotation->resealed == 3);  // history too
  CHECK(rotation->key_id.size() == 16);
  if constexpr (TestType::kReopens) {
    store.reset();
    store = fixture.Open();
  }
  const auto after = store->LoadHead();
  REQUIRE(after.ok());
  CHECK(SameHistory(after->head, before->head));
  REQUIRE(after->resources.size() == before->resources.size());
  for (size_t i = 0; i < after->resources.size(); ++i) {
    CHECK(after->resources[i].record_hash == before->resources[i].record_hash);
    CHECK(after->resources[i].body_hash == before->resources[i].body_hash);
    CHECK(*after->resources[i].record == *before->resources[i].record);
  }
  const auto changes = store->ChangesSince(Revision{0});
  REQUIRE(changes.ok());
  CHECK((*changes)[0].upserts[1].record->body == "1");
  CHECK((*changes)[0].upserts[2].record->body == "2");
  // And what is applied again is still what was there.
  const auto again = CommitOnHead(*store, Changes({Secret("a", "3")}));
  REQUIRE(again.ok());
  CHECK(again->outcome == Committed::Outcome::kUnchanged);
}

TEMPLATE_LIST_TEST_CASE("a rotation stands in the control log and the outbox", "[store][seal]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Secret("a")}));
  const auto head = store->ReadHead();
  const auto rotation = store->RotateKey(NewKey::kYes, Rotated());
  REQUIRE(rotation.ok());
  const auto entries = store->ControlSince(head->control_seq);
  REQUIRE(entries.ok());
  REQUIRE(entries->size() == 1);
  CHECK(entries->front().kind == "keys");
  CHECK(entries->front().subject == rotation->key_id);
  const auto rows = store->ReadOutbox({}, 10);
  REQUIRE(rows.ok());
  CHECK(rows->back().event.action == "rotate key");
  CHECK(store->ReadHead()->revision == head->revision);
}

TEMPLATE_LIST_TEST_CASE("resealing without a new key leaves what has the active one",
                        "[store][seal]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Secret("a")}));
  const auto rotation = store->RotateKey(NewKey::kYes, Rotated());
  REQUIRE(rotation.ok());
  MustCommit(*store, Changes({Secret("b", "later")}));
  const auto again = store->RotateKey(NewKey::kNo, Rotated());
  REQUIRE(again.ok());
  CHECK(again->key_id == rotation->key_id);
  CHECK(again->resealed == 0);
}

TEMPLATE_LIST_TEST_CASE("a rotation of many secrets goes on beside commits and reads",
                        "[store][seal]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  std::vector<Upsert> secrets;
  for (int i = 0; i < 1000; ++i) {
    secrets.push_back(Secret(absl::StrCat("s", i), absl::StrCat("key ", i)));
  }
  MustCommit(*store, Changes(secrets));
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0;
  std::atomic<int> committed = 0;
  std::thread writer([&] {
    for (int i = 0; !done || i < 10; ++i) {
      const auto made = CommitOnHead(*store, Changes({Secret("w", absl::StrCat("w", i))}));
      (made.ok() ? committed : wrong)++;
    }
  });
  std::thread reader([&] {
    for (int i = 0; !done || i < 10; ++i) {
      const auto secret = store->Get(SecretKey(absl::StrCat("s", i % 1000)));
      if (!secret.ok() || secret->record->body != absl::StrCat("key ", i % 1000)) ++wrong;
    }
  });
  for (int i = 0; i < 3; ++i) {
    const auto rotation = store->RotateKey(NewKey::kYes, Rotated());
    if (!rotation.ok() || rotation->resealed < 1000) ++wrong;
  }
  done = true;
  writer.join();
  reader.join();
  CHECK(wrong == 0);
  CHECK(committed >= 10);
  const auto head = store->LoadHead();
  REQUIRE(head.ok());
  CHECK(head->resources.size() == 1001);
}

TEMPLATE_LIST_TEST_CASE("rotations at once come one after the other", "[store][seal]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Secret("a")}));
  std::atomic<int> rotated = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const auto rotation = store->RotateKey(NewKey::kYes, Rotated());
      if (rotation.ok() && rotation->resealed == 1) ++rotated;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(rotated == 3);
  CHECK(MustGet(*store, SecretKey("a")).record->body == "private key");
}

TEMPLATE_LIST_TEST_CASE("a store without secrets rotates its key too", "[store][seal]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const auto rotation = store->RotateKey(NewKey::kYes, Rotated());
  REQUIRE(rotation.ok());
  CHECK(rotation->resealed == 0);
}

}  // namespace
}  // namespace signalbox::testing
