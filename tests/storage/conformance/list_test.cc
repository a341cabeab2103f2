// What lists, one resource's history and the past promise, of every store.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "storage/resource_store.h"
#include "tests/storage/conformance/store_fixtures.h"
#include "tests/storage/conformance/store_testing.h"

namespace signalbox::testing {
namespace {

using Names = std::vector<std::string>;

Upsert Any(std::string namespace_name, std::string type, std::string name,
           std::map<std::string, std::string> labels = {}, std::vector<std::string> targets = {}) {
  return {.key = {std::move(namespace_name), std::move(type), std::move(name)},
          .record = {.body = "body", .targets = std::move(targets), .labels = std::move(labels)}};
}

// The names of what `filter` lets through, read in pages of `page_size`.
Names Listed(ResourceStore& store, const ResourceFilter& filter, int page_size = 1000) {
  Names names;
  std::optional<ResourceKey> after;
  do {
    const auto page = store.List(filter, after, page_size);
    REQUIRE(page.ok());
    REQUIRE(page->resources.size() <= static_cast<size_t>(page_size));
    for (const Resource& resource : page->resources) names.push_back(resource.key.name);
    after = page->next_after;
  } while (after.has_value());
  return names;
}

// Resources of two namespaces and two types, with labels and targets.
void Fill(ResourceStore& store) {
  MustCommit(store, Changes({
                        Any("default", "cluster", "a", {{"env", "prod"}}),
                        Any("default", "cluster", "b", {{"env", "test"}}, {"edge"}),
                        Any("default", "listener", "c", {{"env", "prod"}, {"tier", "1"}}),
                        Any("shop", "cluster", "d", {{"env", "prod"}}, {"edge", "west"}),
                        Any("shop", "route", "e", {}, {"west"}),
                    }));
}

TEMPLATE_LIST_TEST_CASE("a list of everything is sorted by key", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  CHECK(Listed(*store, {}).empty());
  Fill(*store);
  CHECK(Listed(*store, {}) == Names{"a", "b", "c", "d", "e"});
  const auto page = store->List({}, std::nullopt, 10);
  REQUIRE(page.ok());
  CHECK(page->head == *store->ReadHead());
  CHECK(page->resources[1].record->targets == Names{"edge"});
  CHECK(page->resources[1].changed_in == Revision{1});
}

TEMPLATE_LIST_TEST_CASE("a list is narrowed by namespace and by type", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  CHECK(Listed(*store, {.namespace_name = "shop"}) == Names{"d", "e"});
  CHECK(Listed(*store, {.type = "cluster"}) == Names{"a", "b", "d"});
  CHECK(Listed(*store, {.namespace_name = "default", .type = "cluster"}) == Names{"a", "b"});
  CHECK(Listed(*store, {.namespace_name = "default", .type = "route"}).empty());
  CHECK(Listed(*store, {.namespace_name = "defaul"}).empty());
  CHECK(Listed(*store, {.type = "cluste"}).empty());
}

TEMPLATE_LIST_TEST_CASE("a list is narrowed by labels, all of which must hold", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  CHECK(Listed(*store, {.labels = {{"env", "prod"}}}) == Names{"a", "c", "d"});
  CHECK(Listed(*store, {.labels = {{"env", "prod"}, {"tier", "1"}}}) == Names{"c"});
  CHECK(Listed(*store, {.namespace_name = "shop", .labels = {{"env", "prod"}}}) == Names{"d"});
  CHECK(Listed(*store, {.labels = {{"env", "Prod"}}}).empty());
  CHECK(Listed(*store, {.labels = {{"env", "prod"}, {"tier", "2"}}}).empty());
}

TEMPLATE_LIST_TEST_CASE("the labels that a list goes by are those of the head", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  MustCommit(*store, Changes({Any("default", "cluster", "a", {{"env", "test"}})},
                             {{"default", "listener", "c"}}));
  CHECK(Listed(*store, {.labels = {{"env", "prod"}}}) == Names{"d"});
  CHECK(Listed(*store, {.labels = {{"env", "test"}}}) == Names{"a", "b"});
  MustCommit(*store, Changes({Any("default", "listener", "c", {{"env", "prod"}})}));
  CHECK(Listed(*store, {.labels = {{"env", "prod"}}}) == Names{"c", "d"});
}

TEMPLATE_LIST_TEST_CASE("labels are any text", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const std::string odd = "a \"b\" \\ 'c' \n Grüße %_";
  MustCommit(*store, Changes({Any("default", "cluster", "a", {{odd, odd}}),
                              Any("default", "cluster", "b", {{"", ""}})}));
  CHECK(Listed(*store, {.labels = {{odd, odd}}}) == Names{"a"});
  CHECK(Listed(*store, {.labels = {{"", ""}}}) == Names{"b"});
}

TEMPLATE_LIST_TEST_CASE("a list for a group has what is for it and what is for every group",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  CHECK(Listed(*store, {.group = "edge"}) == Names{"a", "b", "c", "d"});
  CHECK(Listed(*store, {.group = "west"}) == Names{"a", "c", "d", "e"});
  CHECK(Listed(*store, {.group = "none"}) == Names{"a", "c"});
  CHECK(Listed(*store, {.group = "wes"}) == Names{"a", "c"});
}

TEMPLATE_LIST_TEST_CASE("a list of what has changed since a revision", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  MustCommit(*store, Changes({Any("shop", "route", "f"), Any("default", "cluster", "a")}));
  CHECK(Listed(*store, {.changed_since = Revision{1}}) == Names{"a", "f"});
  CHECK(Listed(*store, {.changed_since = Revision{0}}).size() == 6);
  CHECK(Listed(*store, {.changed_since = Revision{2}}).empty());
}

TEMPLATE_LIST_TEST_CASE("pages are contiguous, whatever their size", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  std::vector<Upsert> upserts;
  Names names;
  for (int i = 100; i < 147; ++i) {
    names.push_back(absl::StrCat("c", i));
    upserts.push_back(Any("default", "cluster", names.back(), {{"all", "yes"}}));
  }
  upserts.push_back(Any("default", "aaa", "first"));
  upserts.push_back(Any("default", "route", "last"));
  MustCommit(*store, Changes(upserts));
  const int size = GENERATE(1, 2, 7, 46, 47, 48);
  CHECK(Listed(*store, {.namespace_name = "default", .type = "cluster"}, size) == names);
  CHECK(Listed(*store, {.labels = {{"all", "yes"}}}, size) == names);
  CHECK(Listed(*store, {}, size).size() == 49);
}

TEMPLATE_LIST_TEST_CASE("a full last page has none after it", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  CHECK_FALSE(store->List({}, std::nullopt, 5)->next_after.has_value());
  CHECK(store->List({}, std::nullopt, 4)->next_after == ResourceKey{"shop", "cluster", "d"});
}

TEMPLATE_LIST_TEST_CASE("what is removed or added between two pages moves nothing else", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  const auto first = store->List({}, std::nullopt, 2);
  REQUIRE(first->next_after == ResourceKey{"default", "cluster", "b"});
  MustCommit(*store, Changes({Any("default", "cluster", "aa"), Any("shop", "cluster", "dd")},
                             {{"default", "cluster", "b"}}));
  const auto second = store->List({}, first->next_after, 10);
  Names names;
  for (const Resource& resource : second->resources) names.push_back(resource.key.name);
  CHECK(names == Names{"c", "d", "dd", "e"});
}

TEMPLATE_LIST_TEST_CASE("a page after the last key is empty", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  const auto page = store->List({}, ResourceKey{"z", "z", "z"}, 10);
  REQUIRE(page.ok());
  CHECK(page->resources.empty());
  CHECK_FALSE(page->next_after.has_value());
}

TEMPLATE_LIST_TEST_CASE("a page is bounded, whatever is asked for", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  std::vector<Upsert> upserts;
  for (int i = 0; i < limits::kMaxResourcesPerPage + 1; ++i) {
    upserts.push_back(Any("default", "cluster", absl::StrCat("c", 10000 + i)));
  }
  MustCommit(*store, Changes(upserts));
  const auto page = store->List({}, std::nullopt, 1 << 30);
  REQUIRE(page.ok());
  CHECK(page->resources.size() == static_cast<size_t>(limits::kMaxResourcesPerPage));
  CHECK(page->next_after.has_value());
  CHECK(store->List({}, std::nullopt, 0)->resources.size() == 1);
}

TEMPLATE_LIST_TEST_CASE("a page is bounded by bytes and goes on from the last", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  for (int i = 0; i < 18; ++i) {
    Upsert upsert = Any("default", "cluster", absl::StrCat("c", 10 + i));
    upsert.record.body = std::string(limits::kMaxBodyBytes, static_cast<char>('a' + i));
    MustCommit(*store, Changes({upsert}));
  }
  const auto page = store->List({}, std::nullopt, 1000);
  REQUIRE(page.ok());
  CHECK(page->resources.size() == 16);
  CHECK(Listed(*store, {}).size() == 18);
}

TEMPLATE_LIST_TEST_CASE("a filter with too much or with no text in it is refused", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const auto code = [&](const ResourceFilter& filter) {
    return store->List(filter, std::nullopt, 10).status().code();
  };
  const std::string nul("a\0b", 3);
  CHECK(code({.namespace_name = nul}) == absl::StatusCode::kInvalidArgument);
  CHECK(code({.type = "\xff"}) == absl::StatusCode::kInvalidArgument);
  CHECK(code({.group = nul}) == absl::StatusCode::kInvalidArgument);
  CHECK(code({.labels = {{nul, "x"}}}) == absl::StatusCode::kInvalidArgument);
  CHECK(code({.labels = {{"x", "\xc3"}}}) == absl::StatusCode::kInvalidArgument);
  ResourceFilter many;
  for (size_t i = 0; i <= limits::kMaxLabelsPerFilter; ++i) many.labels[absl::StrCat(i)] = "x";
  CHECK(code(many) == absl::StatusCode::kInvalidArgument);
  CHECK(store->List({}, ResourceKey{nul, "", ""}, 10).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(store->Get({"default", "cluster", nul}).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEMPLATE_LIST_TEST_CASE("a resource's history is what each revision made of it", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a", "1"), Cluster("b", "1")}));
  MustCommit(*store, Changes({Cluster("b", "2")}));
  MustCommit(*store, Changes({}, {ClusterKey("a")}));
  ChangeSet back = Changes({Cluster("a", "3")});
  back.author = "bob";
  MustCommit(*store, back);
  const auto page = store->History(ClusterKey("a"), std::nullopt, 10);
  REQUIRE(page.ok());
  REQUIRE(page->changes.size() == 3);
  CHECK_FALSE(page->next_below.has_value());
  CHECK(page->changes[0].info.revision == Revision{4});
  CHECK(page->changes[0].info.author == "bob");
  CHECK(page->changes[0].resource->record->body == "3");
  CHECK(page->changes[0].resource->changed_in == Revision{4});
  CHECK(page->changes[1].info.revision == Revision{3});
  CHECK_FALSE(page->changes[1].resource.has_value());
  CHECK(page->changes[2].resource->record->body == "1");
  CHECK(page->changes[2].info.digest == store->GetRevision(Revision{1})->digest);
}

TEMPLATE_LIST_TEST_CASE("a resource's history comes page by page", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  for (int i = 0; i < 7; ++i) MustCommit(*store, Changes({Cluster("a", absl::StrCat(i))}));
  std::vector<int64_t> seen;
  std::optional<Revision> below;
  do {
    const auto page = store->History(ClusterKey("a"), below, 3);
    REQUIRE(page.ok());
    for (const ResourceChange& change : page->changes) {
      seen.push_back(change.info.revision.number);
    }
    below = page->next_below;
  } while (below.has_value());
  CHECK(seen == std::vector<int64_t>{7, 6, 5, 4, 3, 2, 1});
}

TEMPLATE_LIST_TEST_CASE("a key that was never used has no history", "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Cluster("a")}));
  const auto page = store->History(ClusterKey("b"), std::nullopt, 10);
  REQUIRE(page.ok());
  CHECK(page->changes.empty());
  CHECK_FALSE(page->next_below.has_value());
}

TEMPLATE_LIST_TEST_CASE("everything can be read as it was at a revision", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Upsert whole = Cluster("a", "1");
  whole.record.labels = {{"env", "prod"}};
  whole.record.targets = {"edge"};
  whole.record.annotations = {{"note", "x"}};
  whole.record.owner = "shop";
  whole.record.source = "a.yaml:3";
  MustCommit(*store, Changes({whole, Cluster("b", "1")}));
  MustCommit(*store, Changes({Cluster("a", "2"), Cluster("c", "1")}));
  MustCommit(*store, Changes({Cluster("d", "1")}, {ClusterKey("b")}));
  const auto bodies = [&](int64_t revision) {
    const auto state = store->LoadAt(Revision{revision});
    REQUIRE(state.ok());
    std::string text;
    for (const Resource& resource : state->resources) {
      absl::StrAppend(&text, resource.key.name, resource.record->body, "@",
                      resource.changed_in.number, " ");
    }
    return text;
  };
  CHECK(bodies(0).empty());
  CHECK(bodies(1) == "a1@1 b1@1 ");
  CHECK(bodies(2) == "a2@2 b1@1 c1@2 ");
  CHECK(bodies(3) == "a2@2 c1@2 d1@3 ");
  const auto first = store->LoadAt(Revision{1});
  CHECK(*first->resources[0].record == whole.record);
  CHECK(first->head.revision == Revision{1});
  CHECK(first->head.digest == store->GetRevision(Revision{1})->digest);
  CHECK(first->head.store_id == store->ReadHead()->store_id);
  CHECK(store->LoadAt(Revision{4}).status().code() == absl::StatusCode::kOutOfRange);
  CHECK(store->LoadAt(Revision{-1}).status().code() == absl::StatusCode::kOutOfRange);
}

TEMPLATE_LIST_TEST_CASE("all filters at once let through what passes each of them", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const auto one = [](std::string namespace_name, std::string type, std::string name,
                      std::string env, std::vector<std::string> targets) {
    return Any(std::move(namespace_name), std::move(type), std::move(name),
               {{"env", std::move(env)}}, std::move(targets));
  };
  MustCommit(*store, Changes({one("shop", "cluster", "old", "prod", {"edge"})}));
  MustCommit(*store, Changes({one("shop", "cluster", "this", "prod", {"edge", "west"}),
                              one("shop", "cluster", "for all", "prod", {}),
                              one("shop", "cluster", "test", "test", {"edge"}),
                              one("shop", "cluster", "west", "prod", {"west"}),
                              one("shop", "route", "route", "prod", {"edge"}),
                              one("other", "cluster", "elsewhere", "prod", {"edge"})}));
  CHECK(Listed(*store,
               {.namespace_name = "shop",
                .type = "cluster",
                .group = "edge",
                .labels = {{"env", "prod"}},
                .changed_since = Revision{1}},
               1) == Names{"for all", "this"});
}

TEMPLATE_LIST_TEST_CASE("a label is its name with its value, neither alone and not the reverse",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Any("default", "cluster", "a", {{"env", "prod"}, {"tier", "1"}}),
                              Any("default", "cluster", "b", {{"env", "1"}, {"tier", "prod"}})}));
  CHECK(Listed(*store, {.labels = {{"env", "prod"}, {"tier", "1"}}}) == Names{"a"});
  CHECK(Listed(*store, {.labels = {{"tier", "prod"}}}) == Names{"b"});
  CHECK(Listed(*store, {.labels = {{"env", ""}}}).empty());
  CHECK(Listed(*store, {.labels = {{"", "prod"}}}).empty());
  CHECK(Listed(*store, {.labels = {{"prod", "env"}}}).empty());
  CHECK(Listed(*store, {.labels = {{"env", "pro"}}}).empty());
  CHECK(Listed(*store, {.labels = {{"env", "prod"}, {"none", ""}}}).empty());
}

TEMPLATE_LIST_TEST_CASE("pages go by the bytes of the keys, not as a language sorts", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  const Names sorted = {"",
                        " ",
                        "-b",
                        "A",
                        "B",
                        "Z",
                        "_",
                        "a",
                        "a b",
                        "a-b",
                        "ab",
                        "b",
                        "z",
                        "ä",
                        "é",
                        "中",
                        "\xF0\x9F\x98\x80"};
  std::vector<Upsert> upserts;
  for (const std::string& name : sorted) {
    upserts.insert(upserts.begin(), Any("default", "cluster", name, {{"k", "v"}}));
    upserts.push_back(Any(name, name, "x"));
  }
  MustCommit(*store, Changes(upserts));
  const int size = GENERATE(1, 4, 100);
  CHECK(Listed(*store, {.namespace_name = "default", .type = "cluster"}, size) == sorted);
  CHECK(Listed(*store, {.labels = {{"k", "v"}}}, size) == sorted);
  std::vector<ResourceKey> keys;
  std::optional<ResourceKey> after;
  do {
    const auto page = store->List({}, after, size);
    REQUIRE(page.ok());
    for (const Resource& resource : page->resources) keys.push_back(resource.key);
    after = page->next_after;
  } while (after.has_value());
  CHECK(keys.size() == upserts.size());
  CHECK(std::is_sorted(keys.begin(), keys.end()));
}

TEMPLATE_LIST_TEST_CASE("a page may start outside of what its filter lets through", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  Fill(*store);
  const auto names = [&](const ResourceFilter& filter, const ResourceKey& after) {
    const auto page = store->List(filter, after, 10);
    REQUIRE(page.ok());
    Names found;
    for (const Resource& resource : page->resources) found.push_back(resource.key.name);
    return found;
  };
  CHECK(names({.namespace_name = "shop"}, {"a", "z", "z"}) == Names{"d", "e"});
  CHECK(names({.namespace_name = "default"}, {"shop", "", ""}).empty());
  CHECK(names({.type = "cluster"}, {"default", "listener", "c"}) == Names{"d"});
  CHECK(names({.namespace_name = "default", .type = "cluster"}, {"default", "a", ""}) ==
        Names{"a", "b"});
  CHECK(names({.namespace_name = "default", .type = "cluster"}, {"default", "d", ""}).empty());
}

TEMPLATE_LIST_TEST_CASE("targets that are not there any more do not let a resource through",
                        "[store]", StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  MustCommit(*store, Changes({Any("default", "cluster", "a", {}, {"edge", "we\"st"})}));
  CHECK(Listed(*store, {.group = "we\"st"}) == Names{"a"});
  MustCommit(*store, Changes({Any("default", "cluster", "a", {}, {"edge"})}));
  CHECK(Listed(*store, {.group = "we\"st"}).empty());
  MustCommit(*store, Changes({Any("default", "cluster", "a")}));
  CHECK(Listed(*store, {.group = "we\"st"}) == Names{"a"});
}

TEMPLATE_LIST_TEST_CASE("a label that very many have lists them in order, page by page", "[store]",
                        StoreFixtures) {
  TestType fixture;
  auto store = fixture.Open();
  for (int part = 30; part >= 10; --part) {
    std::vector<Upsert> upserts;
    for (int i = 0; i < 500; ++i) {
      upserts.push_back(
          Any("default", "cluster", absl::StrCat("c", 1000 * part + i), {{"all", "yes"}}));
    }
    MustCommit(*store, Changes(upserts));
  }
  MustCommit(*store, Changes({Any("default", "cluster", "c10000", {{"all", "no"}}),
                              Any("default", "cluster", "c100000", {{"few", "yes"}})}));
  const auto page = store->List({.labels = {{"all", "yes"}}}, std::nullopt, 2);
  REQUIRE(page.ok());
  REQUIRE(page->resources.size() == 2);
  CHECK(page->resources[0].key.name == "c10001");
  CHECK(page->resources[1].key.name == "c10002");
  CHECK(page->next_after == page->resources[1].key);
  const auto last =
      store->List({.labels = {{"all", "yes"}}}, ResourceKey{"default", "cluster", "c30498"}, 2);
  REQUIRE(last.ok());
  CHECK(last->resources.size() == 1);
  CHECK_FALSE(last->next_after.has_value());
}

}  // namespace
}  // namespace signalbox::testing
