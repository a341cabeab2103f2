#include "server/admin/config.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/error_details.h"
#include "storage/limits.h"
#include "tests/server/admin/admin_fixture.h"

namespace signalbox {
namespace {

using admin::v1::ApplyRequest;
using admin::v1::ApplyResponse;
using admin::v1::GetRequest;
using admin::v1::ListRequest;
using testing::AdminFixture;

constexpr char kCluster[] = R"({"type": "EDS", "connect_timeout": "0.25s"})";

Revision HeadOf(const AdminFixture& fixture) { return fixture.store->ReadHead()->revision; }

GetRequest GetOf(const std::string& kind, const std::string& name) {
  GetRequest request;
  request.mutable_name()->set_kind(kind);
  request.mutable_name()->set_name(name);
  return request;
}

TEST_CASE("what was applied is read back, with its name filled in", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request = fixture.ApplyOf("cluster", "payments", kCluster);
  (*request.mutable_resources(0)->mutable_labels())["tier"] = "backend";
  request.mutable_resources(0)->add_groups("default");
  request.mutable_resources(0)->set_source("a.yaml:3");
  fixture.Add("endpoints", "payments", "{}", &request);
  request.set_message("first");

  const auto response = fixture.config->Apply(request, Caller{.author = "alice"});
  REQUIRE(response.ok());
  CHECK(response->revision() == 1);
  CHECK(response->outcome() == ApplyResponse::NEW_REVISION);
  CHECK(response->created() == 2);
  const RevisionInfo info = *fixture.store->GetRevision(Revision{1});
  CHECK(info.author == "alice");
  CHECK(info.message == "first");

  const auto cluster = fixture.config->Get(GetOf("cluster", "payments"), Caller{});
  REQUIRE(cluster.ok());
  const auto& spec = cluster->spec().fields();
  CHECK(spec.size() == 3);
  CHECK(spec.at("name").string_value() == "payments");
  CHECK(spec.at("type").string_value() == "EDS");
  CHECK(spec.at("connect_timeout").string_value() == "0.250s");
  CHECK(cluster->namespace_() == "default");
  CHECK(cluster->labels().at("tier") == "backend");
  CHECK(cluster->groups(0) == "default");
  CHECK(cluster->source() == "a.yaml:3");
  CHECK(cluster->revision() == 1);
  CHECK(cluster->problem().empty());
  const auto endpoints = fixture.config->Get(GetOf("endpoints", "payments"), Caller{});
  REQUIRE(endpoints.ok());
  CHECK(endpoints->spec().fields().at("cluster_name").string_value() == "payments");
}

TEST_CASE("what was read can be applied again and changes nothing", "[admin]") {
  AdminFixture fixture;
  fixture.MustApply(fixture.ApplyOf("cluster", "a", kCluster));
  ApplyRequest again;
  *again.add_resources() = *fixture.config->Get(GetOf("cluster", "a"), Caller{});
  const ApplyResponse response = fixture.MustApply(again);
  CHECK(response.outcome() == ApplyResponse::UNCHANGED);
  CHECK(response.unchanged() == 1);
  CHECK(HeadOf(fixture) == Revision{1});
}

struct Bad {
  std::string what;
  ApplyRequest request;
  std::string field;
  std::string text;  // that the description holds
};

std::vector<Bad> BadRequests() {
  std::vector<Bad> all;
  const auto add = [&](const std::string& what, ApplyRequest request, const std::string& field,
                       const std::string& text) {
    all.push_back({what, std::move(request), field, text});
  };
  const auto one = [](const std::string& kind, const std::string& name, const std::string& spec) {
    return AdminFixture::ApplyOf(kind, name, spec);
  };
  add("unknown kind", one("clutser", "a", kCluster), "resources[0].kind",
      "did you mean \"cluster\"?");
  add("missing kind", one("", "a", kCluster), "resources[0].kind", "is missing");
  add("missing name", one("cluster", "", kCluster), "resources[0].name", "is missing");
  add("name too long", one("cluster", std::string(limits::kMaxNameBytes + 1, 'a'), kCluster),
      "resources[0].name", "too long");
  add("name with NUL", one("cluster", std::string("a\0b", 3), kCluster), "resources[0].name",
      "NUL");
  add("name mismatch", one("cluster", "a", R"({"name": "b"})"), "resources[0].spec.name", "\"b\"");
  add("name mismatch of endpoints", one("endpoints", "a", R"({"cluster_name": "b"})"),
      "resources[0].spec.cluster_name", "\"b\"");
  add("unknown field", one("cluster", "a", R"({"conect_timeout": "1s"})"),
      "resources[0].spec.conect_timeout", "connect_timeout");
  add("unknown nested field",
      one("cluster", "a", R"({"load_assignment": {"endpoints": [{}, {"lb_endpointz": []}]}})"),
      "resources[0].spec.load_assignment.endpoints[1].lb_endpointz", "lb_endpoints");
  add("wrong type of value", one("cluster", "a", R"({"connect_timeout": true})"),
      "resources[0].spec.connect_timeout", "");
  add("unknown type URL",
      one("listener", "a",
          R"({"filter_chains": [{"filters": [{"name": "x",
              "typed_config": {"@type": "type.googleapis.com/envoy.NoSuchThing"}}]}]})"),
      "resources[0].spec.filter_chains[0].filters[0].typed_config.@type", "envoy.NoSuchThing");
  {
    ApplyRequest request = one("cluster", "a", kCluster);
    request.mutable_resources(0)->clear_spec();
    add("missing spec", request, "resources[0].spec", "is missing");
  }
  {
    ApplyRequest request = one("cluster", "a", kCluster);
    AdminFixture::Add("route", "a", "{}", &request);
    AdminFixture::Add("cluster", "a", kCluster, &request);
    add("a name twice", request, "resources[2]", "resources[0]");
    request.mutable_resources()->RemoveLast();
    request.add_removals()->set_kind("cluster");
    request.mutable_removals(0)->set_name("a");
    add("applied and removed", request, "removals[0]", "resources[0]");
  }
  {
    ApplyRequest request = one("cluster", "a", kCluster);
    request.mutable_resources(0)->set_namespace_("team");
    add("unknown namespace", request, "resources[0].namespace", "team");
  }
  {
    ApplyRequest request = one("cluster", "a", kCluster);
    request.mutable_resources(0)->add_groups("default");
    request.mutable_resources(0)->add_groups("edge");
    add("unknown group", request, "resources[0].groups[1]", "edge");
  }
  {
    ApplyRequest request = one("cluster", "a", kCluster);
    request.mutable_resources(0)->set_etag("7");
    add("no etag", request, "resources[0].etag", "not an etag");
  }
  {
    ApplyRequest request = one("cluster", "a", kCluster);
    (*request.mutable_resources(0)->mutable_annotations())["signalbox/ttl"] = "soon";
    add("no time to live", request, "resources[0].annotations.signalbox/ttl", "30s");
  }
  {
    ApplyRequest request = one("cluster", "a", kCluster);
    request.set_expected_revision(-1);
    add("negative revision", request, "expected_revision", "negative");
  }
  {
    ApplyRequest request = one("cluster", "a", kCluster);
    request.set_message(std::string(limits::kMaxMessageBytes + 1, 'm'));
    add("long message", request, "message", "too long");
  }
  {
    ApplyRequest request = one("cluster", "a", kCluster);
    request.set_request_id(std::string(limits::kMaxRequestIdBytes + 1, 'm'));
    add("long request id", request, "request_id", "too long");
  }
  add("body over the limit",
      one("cluster", "a",
          absl::StrCat("{\"alt_stat_name\": \"", std::string(limits::kMaxBodyBytes, 'a'), "\"}")),
      "resources[0].spec", "too large");
  return all;
}

TEST_CASE("a bad request is refused with the field at fault, and nothing is written", "[admin]") {
  AdminFixture fixture;
  for (const Bad& bad : BadRequests()) {
    INFO(bad.what);
    const auto response = fixture.config->Apply(bad.request, Caller{});
    CHECK(response.status().code() == absl::StatusCode::kInvalidArgument);
    const std::vector<FieldViolation> violations = ViolationsOf(response.status());
    REQUIRE(violations.size() == 1);
    CHECK(violations[0].field == bad.field);
    CHECK_THAT(violations[0].description, Catch::Contains(bad.text));
  }
  CHECK(fixture.judge->asked == 0);
  CHECK(HeadOf(fixture) == Revision{0});
}

TEST_CASE("every wrong field of a request is named at once, up to a limit", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request;
  for (int i = 0; i < 150; ++i) fixture.Add("clutser", absl::StrCat("a", i), kCluster, &request);
  const std::vector<FieldViolation> violations =
      ViolationsOf(fixture.config->Apply(request, Caller{}).status());
  REQUIRE(violations.size() == 100);
  CHECK(violations[99].field == "resources[99].kind");
}

TEST_CASE("a request that changes nothing by its form is refused", "[admin]") {
  AdminFixture fixture;
  CHECK(fixture.config->Apply(ApplyRequest(), Caller{}).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("what the judge refuses is refused at the path in the request", "[admin]") {
  AdminFixture fixture;
  fixture.judge->verdict = [](const ChangeSet& changes) {
    return InvalidFields({{"lb_policy", "is wrong", "default/cluster/b"},
                          {"", "clashes", "default/cluster/a"},
                          {"route", "would lose its cluster", "default/route/r"}});
  };
  ApplyRequest request = fixture.ApplyOf("cluster", "a", kCluster);
  fixture.Add("cluster", "b", kCluster, &request);
  const auto response = fixture.config->Apply(request, Caller{});
  CHECK(response.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(ViolationsOf(response.status()) ==
        std::vector<FieldViolation>{{"resources[1].spec.lb_policy", "is wrong", ""},
                                    {"resources[0]", "clashes", ""},
                                    {"", "default/route/r: route: would lose its cluster", ""}});
  CHECK(HeadOf(fixture) == Revision{0});
}

TEST_CASE("a caller that has gone gets nothing written", "[admin]") {
  AdminFixture fixture;
  const auto response = fixture.config->Apply(fixture.ApplyOf("cluster", "a", kCluster),
                                              Caller{.gone = [] { return true; }});
  CHECK(response.status().code() == absl::StatusCode::kCancelled);
  CHECK(HeadOf(fixture) == Revision{0});
}

TEST_CASE("an etag lets a change through only while the resource is what was read", "[admin]") {
  AdminFixture fixture;
  fixture.MustApply(fixture.ApplyOf("cluster", "a", kCluster));
  const std::string etag = fixture.config->Get(GetOf("cluster", "a"), Caller{})->etag();
  ApplyRequest request = fixture.ApplyOf("cluster", "a", R"({"type": "STATIC"})");
  request.mutable_resources(0)->set_etag(etag);
  CHECK(fixture.MustApply(request).revision() == 2);
  request = fixture.ApplyOf("cluster", "a", kCluster);
  request.mutable_resources(0)->set_etag(etag);
  CHECK(fixture.config->Apply(request, Caller{}).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  request.set_validate_only(true);
  CHECK(fixture.config->Apply(request, Caller{}).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  CHECK(HeadOf(fixture) == Revision{2});
}

TEST_CASE("an etag of another epoch says that the store was restored", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request = fixture.ApplyOf("cluster", "a", kCluster);
  request.mutable_resources(0)->set_etag("0000000000000001-0");
  const auto response = fixture.config->Apply(request, Caller{});
  CHECK(response.status().code() == absl::StatusCode::kAborted);
  CHECK(ReasonOf(response.status()) == "STORE_RESTORED");
}

TEST_CASE("an expected revision that is not the head refuses the change", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request = fixture.ApplyOf("cluster", "a", kCluster);
  request.set_expected_revision(0);
  CHECK(fixture.MustApply(request).revision() == 1);
  request = fixture.ApplyOf("cluster", "b", kCluster);
  request.set_expected_revision(0);
  CHECK(fixture.config->Apply(request, Caller{}).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  CHECK(HeadOf(fixture) == Revision{1});
}

TEST_CASE("a retry of a request id says what the first try made", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request = fixture.ApplyOf("cluster", "a", kCluster);
  request.set_request_id("once");
  CHECK(fixture.MustApply(request).outcome() == ApplyResponse::NEW_REVISION);
  const ApplyResponse again = fixture.MustApply(request);
  CHECK(again.outcome() == ApplyResponse::REPEATED);
  CHECK(again.revision() == 1);
}

TEST_CASE("removals remove, and a removal of what is not there refuses all", "[admin]") {
  AdminFixture fixture;
  fixture.MustApply(fixture.ApplyOf("cluster", "a", kCluster));
  ApplyRequest request = fixture.ApplyOf("cluster", "b", kCluster);
  request.add_removals()->set_kind("cluster");
  request.mutable_removals(0)->set_name("none");
  CHECK(fixture.config->Apply(request, Caller{}).status().code() == absl::StatusCode::kNotFound);
  request.mutable_removals(0)->set_name("a");
  const ApplyResponse response = fixture.MustApply(request);
  CHECK(response.created() == 1);
  CHECK(response.removed() == 1);
  CHECK(fixture.config->Get(GetOf("cluster", "a"), Caller{}).status().code() ==
        absl::StatusCode::kNotFound);
}

TEST_CASE("validate_only says what would change and writes nothing", "[admin]") {
  AdminFixture fixture;
  ApplyRequest first = fixture.ApplyOf("cluster", "a", kCluster);
  fixture.Add("cluster", "b", kCluster, &first);
  fixture.Add("cluster", "c", kCluster, &first);
  fixture.MustApply(first);

  ApplyRequest request = fixture.ApplyOf("cluster", "a", kCluster);
  fixture.Add("cluster", "b", R"({"type": "STATIC"})", &request);
  fixture.Add("cluster", "d", kCluster, &request);
  request.add_removals()->set_kind("cluster");
  request.mutable_removals(0)->set_name("c");
  request.set_validate_only(true);
  const ApplyResponse response = fixture.MustApply(request);
  CHECK(response.outcome() == ApplyResponse::VALIDATED);
  CHECK(response.revision() == 1);
  CHECK(response.created() == 1);
  CHECK(response.updated() == 1);
  CHECK(response.unchanged() == 1);
  CHECK(response.removed() == 1);
  CHECK(HeadOf(fixture) == Revision{1});

  request.mutable_removals(0)->set_name("none");
  CHECK(fixture.config->Apply(request, Caller{}).status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("a change that was judged for another database is not written", "[admin]") {
  AdminFixture fixture;
  fixture.judged_epoch = fixture.store->ReadHead()->epoch + 1;
  const auto response =
      fixture.config->Apply(AdminFixture::ApplyOf("cluster", "a", "{}"), Caller{.author = "alice"});
  CHECK(response.status().code() == absl::StatusCode::kUnavailable);
  CHECK(fixture.store->ReadHead()->revision == Revision{0});
}

TEST_CASE("a list comes in pages, sorted, each resource once", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request;
  for (const char* name : {"d", "b", "a", "c", "e"})
    fixture.Add("cluster", name, kCluster, &request);
  fixture.Add("route", "r", "{}", &request);
  fixture.MustApply(request);

  std::string names;
  ListRequest list;
  list.set_kind("cluster");
  list.set_page_size(2);
  int pages = 0;
  do {
    const auto page = fixture.config->List(list, Caller{});
    REQUIRE(page.ok());
    for (const auto& resource : page->resources()) names += resource.name();
    list.set_page_token(page->next_page_token());
    // What comes before the place that was reached does not move it.
    fixture.MustApply(fixture.ApplyOf("cluster", absl::StrCat("0", pages), kCluster));
    ++pages;
  } while (!list.page_token().empty());
  CHECK(names == "abcde");
  CHECK(pages == 3);
  CHECK(fixture.config->List(ListRequest(), Caller{})->resources_size() == 9);
}

TEST_CASE("a page ends where its resources are large", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request;
  const std::string spec = absl::StrCat("{\"alt_stat_name\": \"", std::string(1500000, 'a'), "\"}");
  for (const char* name : {"a", "b", "c"}) fixture.Add("cluster", name, spec, &request);
  fixture.MustApply(request);
  const auto page = fixture.config->List(ListRequest(), Caller{});
  REQUIRE(page.ok());
  CHECK(page->resources_size() == 2);
  CHECK(!page->next_page_token().empty());
}

TEST_CASE("a page token of another list is refused", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request;
  for (const char* name : {"a", "b"}) fixture.Add("cluster", name, kCluster, &request);
  fixture.MustApply(request);
  ListRequest list;
  list.set_page_size(1);
  list.set_page_token(fixture.config->List(list, Caller{})->next_page_token());
  CHECK(fixture.config->List(list, Caller{}).ok());
  list.set_kind("cluster");
  CHECK(fixture.config->List(list, Caller{}).status().code() == absl::StatusCode::kInvalidArgument);
  list.set_page_token("garbage");
  CHECK(fixture.config->List(list, Caller{}).status().code() == absl::StatusCode::kInvalidArgument);
  list.clear_page_token();
  list.set_page_size(-1);
  CHECK(fixture.config->List(list, Caller{}).status().code() == absl::StatusCode::kInvalidArgument);
}

// Names in the order of the pages, with a '|' after each page.
std::string ListedWith(AdminFixture& fixture, const std::string& filter, int page_size = 100) {
  ListRequest list;
  list.set_filter(filter);
  list.set_page_size(page_size);
  std::string names;
  do {
    const auto page = fixture.config->List(list, Caller{});
    if (!page.ok()) return std::string(page.status().message());
    for (const auto& resource : page->resources()) names += resource.name();
    names += "|";
    list.set_page_token(page->next_page_token());
  } while (!list.page_token().empty());
  return names;
}

TEST_CASE("a list is narrowed by labels, group, kind and change, page by page", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    auto* const resource = fixture.Add("cluster", name, kCluster, &request);
    (*resource->mutable_labels())["env"] = *name < 'd' ? "prod" : "test";
    if (*name == 'b') (*resource->mutable_labels())["team/owner"] = "our \"own\"";
  }
  fixture.MustApply(request);
  ApplyRequest route = fixture.ApplyOf("route", "r", "{}");
  (*route.mutable_resources(0)->mutable_labels())["env"] = "prod";
  fixture.MustApply(route);

  CHECK(ListedWith(fixture, "") == "abcder|");
  CHECK(ListedWith(fixture, "label.env=prod") == "abcr|");
  CHECK(ListedWith(fixture, "label.env=prod", 2) == "ab|cr|");
  CHECK(ListedWith(fixture, "  label.env=prod AND   kind=cluster  ") == "abc|");
  CHECK(ListedWith(fixture, R"(label.team/owner="our \"own\"")") == "b|");
  CHECK(ListedWith(fixture, "label.env=prod AND label.team/owner=x") == "|");
  CHECK(ListedWith(fixture, "label.env=") == "|");
  CHECK(ListedWith(fixture, "changed_since=1") == "r|");
  CHECK(ListedWith(fixture, "changed_since=0 AND group=default", 5) == "abcde|r|");
}

TEST_CASE("a filter that cannot be read says why", "[admin]") {
  AdminFixture fixture;
  for (const auto& [filter, why] : std::vector<std::pair<std::string, std::string>>{
           {"labels.env=prod", "there is no key \"labels.env\"; did you mean \"label.env\"?"},
           {"knd=cluster", "did you mean \"kind\"?"},
           {"owner=me", "the keys are label.KEY, group, kind and changed_since"},
           {"label.=x", "there is no key \"label.\""},
           {"kind=clusters", "did you mean \"cluster\"?"},
           {"group=edge", "there is no node group \"edge\""},
           {"changed_since=-1", "changed_since is a revision"},
           {"changed_since=now", "changed_since is a revision"},
           {"env", "\"env\" is no term"},
           {"label.a>1", "is no term"},
           {"=prod", "is no term"},
           {"label.a=1 OR label.b=2", "\"OR\" cannot stand between two terms"},
           {"label.a=1 label.b=2", "\"label.b\" cannot stand between two terms"},
           {"label.a=1 AND", "cannot stand between two terms"},
           {"label.a=\"1", "a quote is not closed"},
           {"label.a=1 AND label.a=2", "no label has two values"},
           {std::string(5000, 'x'), "is too long"}}) {
    INFO(filter);
    CHECK_THAT(ListedWith(fixture, filter), Catch::Contains(why));
  }
  ListRequest list;
  list.set_kind("route");
  list.set_filter("kind=cluster");
  const absl::Status status = fixture.config->List(list, Caller{}).status();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ViolationsOf(status)[0].field == "filter");
}

TEST_CASE("a page token is of its filter and of its epoch", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request;
  for (const char* name : {"a", "b", "c"}) {
    auto* const resource = fixture.Add("cluster", name, kCluster, &request);
    (*resource->mutable_labels())["env"] = "prod";
  }
  fixture.MustApply(request);
  ListRequest list;
  list.set_filter("label.env=prod");
  list.set_page_size(1);
  list.set_page_token(fixture.config->List(list, Caller{})->next_page_token());
  ListRequest other = list;
  other.set_filter("label.env=test");
  CHECK(fixture.config->List(other, Caller{}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(fixture.config->List(list, Caller{})->resources(0).name() == "b");

  REQUIRE(fixture.store->StartEpoch({.principal = "alice", .action = "adopt"}).ok());
  const absl::Status restored = fixture.config->List(list, Caller{}).status();
  CHECK(restored.code() == absl::StatusCode::kAborted);
  CHECK_THAT(std::string(restored.message()), Catch::Contains("the store was restored"));
  list.clear_page_token();
  CHECK(fixture.config->List(list, Caller{})->resources(0).name() == "a");
}

TEST_CASE("a page of many is of one head", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request;
  for (int i = 0; i < 250; ++i)
    fixture.Add("cluster", absl::StrFormat("c%03d", i), kCluster, &request);
  fixture.MustApply(request);
  ListRequest list;
  list.set_page_size(230);
  const auto page = fixture.config->List(list, Caller{});
  REQUIRE(page.ok());
  CHECK(page->resources_size() == 230);
  list.set_page_token(page->next_page_token());
  const auto rest = fixture.config->List(list, Caller{});
  REQUIRE(rest.ok());
  CHECK(rest->resources_size() == 20);
  CHECK(rest->resources(0).name() == "c230");
  CHECK(rest->next_page_token().empty());
}

TEST_CASE("reads of an unknown kind or namespace say so", "[admin]") {
  AdminFixture fixture;
  ListRequest list;
  list.set_kind("clusters");
  CHECK_THAT(std::string(fixture.config->List(list, Caller{}).status().message()),
             Catch::Contains("did you mean \"cluster\"?"));
  list.set_kind("");
  list.set_namespace_("team");
  CHECK(fixture.config->List(list, Caller{}).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(fixture.config->Get(GetOf("clusters", "a"), Caller{}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(fixture.config->Get(GetOf("cluster", ""), Caller{}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(fixture.config->Get(GetOf("cluster", "a"), Caller{}).status().code() ==
        absl::StatusCode::kNotFound);
}

constexpr char kSecret[] = R"({"tls_certificate": {
  "certificate_chain": {"inline_string": "chain"},
  "private_key": {"inline_string": "the key"}}})";

std::string SpecText(const admin::v1::Resource& resource) {
  return resource.spec().ShortDebugString();
}

TEST_CASE("a secret is stored, and shown redacted unless asked for", "[admin]") {
  AdminFixture fixture;
  CHECK(fixture.MustApply(fixture.ApplyOf("secret", "tls", kSecret)).warnings_size() == 0);
  CHECK(fixture.MustApply(fixture.ApplyOf("secret", "tls", kSecret)).outcome() ==
        ApplyResponse::UNCHANGED);

  const auto shown = fixture.config->Get(GetOf("secret", "tls"), Caller{});
  REQUIRE(shown.ok());
  CHECK_THAT(SpecText(*shown), Catch::Contains("[redacted]") && Catch::Contains("chain") &&
                                   !Catch::Contains("the key"));
  CHECK_THAT(SpecText(fixture.config->List(ListRequest(), Caller{})->resources(0)),
             !Catch::Contains("the key"));
  CHECK(fixture.audited.empty());

  GetRequest full = GetOf("secret", "tls");
  full.set_view(admin::v1::FULL);
  const auto revealed = fixture.config->Get(full, Caller{.author = "alice"});
  REQUIRE(revealed.ok());
  CHECK_THAT(SpecText(*revealed), Catch::Contains("the key"));
  ListRequest list;
  list.set_view(admin::v1::FULL);
  CHECK_THAT(SpecText(fixture.config->List(list, Caller{})->resources(0)),
             Catch::Contains("the key"));
  REQUIRE(fixture.audited.size() == 2);
  CHECK(fixture.audited[0].principal == "alice");
  CHECK(fixture.audited[0].action == "read secret");
  CHECK(fixture.audited[0].resource == "default/secret/tls");

  fixture.auditing = absl::UnavailableError("the audit log is away");
  CHECK(fixture.config->Get(full, Caller{}).status() == fixture.auditing);
  CHECK(fixture.config->List(list, Caller{}).status() == fixture.auditing);
  CHECK(fixture.config->Get(GetOf("secret", "tls"), Caller{}).ok());
}

TEST_CASE("what was shown of a secret is not taken for it", "[admin]") {
  AdminFixture fixture;
  fixture.MustApply(fixture.ApplyOf("secret", "tls", kSecret));
  ApplyRequest again = fixture.ApplyOf("secret", "tls", "{}");
  *again.mutable_resources(0)->mutable_spec() =
      fixture.config->Get(GetOf("secret", "tls"), Caller{})->spec();
  const absl::Status status = fixture.config->Apply(again, Caller{}).status();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ViolationsOf(status)[0].field ==
        "resources[0].spec.tls_certificate.private_key.inline_string");
  CHECK(HeadOf(fixture) == Revision{1});
}

TEST_CASE("what is said of a refused secret does not hold it", "[admin]") {
  AdminFixture fixture;
  for (const char* spec : {R"({"tls_certificate": {"private_key": {"inline_bytes": "the key!"}}})",
                           R"({"tls_certificate": {"private_key": "the key!"}})",
                           R"({"generic_secret": {"secret": {"inline_string": ["the key!"]}}})"}) {
    INFO(spec);
    const absl::Status status =
        fixture.config->Apply(fixture.ApplyOf("secret", "s", spec), Caller{}).status();
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK_THAT(status.ToString(), !Catch::Contains("the key"));
  }
}

TEST_CASE("key material outside secrets is warned of, and so is what the judge says", "[admin]") {
  AdminFixture fixture;
  ApplyRequest request = fixture.ApplyOf("cluster", "a", R"({"transport_socket": {
      "name": "tls", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      "common_tls_context": {"tls_certificates": [{"private_key": {"inline_string": "k"}}]}}}})");
  ApplyResponse response = fixture.MustApply(request);
  REQUIRE(response.warnings_size() == 1);
  CHECK(response.warnings(0).field() ==
        "resources[0].spec.transport_socket.typed_config.common_tls_context.tls_certificates[0]."
        "private_key.inline_string");
  CHECK_THAT(response.warnings(0).message(), Catch::Contains("only secrets are sealed"));

  fixture.judge->warnings = [](const ChangeSet& changes) -> std::vector<FieldViolation> {
    return {{"type", "odd", changes.upserts[0].key.ToString()}};
  };
  request = fixture.ApplyOf("cluster", "b", kCluster);
  request.set_validate_only(true);
  response = fixture.MustApply(request);
  REQUIRE(response.warnings_size() == 1);
  CHECK(response.warnings(0).field() == "resources[0].spec.type");
  CHECK(response.warnings(0).message() == "odd");
}

}  // namespace
}  // namespace signalbox
