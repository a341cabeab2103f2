#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "envoy/service/load_stats/v3/lrs.pb.h"
#include "server/xds/limits.h"
#include "server/xds/load_reports.h"
#include "server/xds/load_stream.h"
#include "tests/server/xds/fixture.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_timers.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox::testing {
namespace {

using envoy::service::load_stats::v3::LoadStatsRequest;
using envoy::service::load_stats::v3::LoadStatsResponse;

XdsBodies& Bodies() {
  static auto* const bodies = new XdsBodies();
  return *bodies;
}

TypeSetPtr Clusters(const std::vector<std::string>& names) {
  std::vector<FragmentPtr> fragments;
  for (const std::string& name : names) fragments.push_back(Bodies().Make("cluster", name, "1"));
  return TypeSet::Of(std::move(fragments));
}

struct Numbers {
  uint64_t issued = 0, successful = 0, failed = 0, in_progress = 0;
};

// Adds a cluster's numbers for "region/zone".
void Say(LoadStatsRequest& report, const std::string& cluster, const std::string& locality,
         const Numbers& numbers) {
  auto* const stats = report.add_cluster_stats();
  stats->set_cluster_name(cluster);
  auto* const of = stats->add_upstream_locality_stats();
  const size_t slash = locality.find('/');
  of->mutable_locality()->set_region(locality.substr(0, slash));
  if (slash != std::string::npos) of->mutable_locality()->set_zone(locality.substr(slash + 1));
  of->set_total_issued_requests(numbers.issued);
  of->set_total_successful_requests(numbers.successful);
  of->set_total_error_requests(numbers.failed);
  of->set_total_requests_in_progress(numbers.in_progress);
}

LoadStatsRequest Report(const std::string& cluster, const std::string& locality,
                        const Numbers& numbers) {
  LoadStatsRequest report;
  Say(report, cluster, locality, numbers);
  return report;
}

// "cluster locality issued/successful/failed/in_progress; ..."
std::string TextOf(const LoadReports& reports) {
  std::string text;
  for (const LoadReports::Row& row : reports.Rows()) {
    absl::StrAppend(&text, row.cluster, " ", row.locality, " ", row.load.issued, "/",
                    row.load.successful, "/", row.load.failed, "/", row.load.in_progress, "; ");
  }
  return text;
}

TEST_CASE("loads are summed over proxies and reports, by cluster and locality", "[load][LRS]") {
  LoadReports reports;
  const TypeSetPtr clusters = Clusters({"a", "b"});
  auto first = std::make_unique<LoadReports::Reporter>(&reports);
  LoadReports::Reporter second(&reports);
  CHECK(reports.reporters() == 2);
  first->Add(Report("a", "eu/1", {10, 7, 2, 1}), *clusters);
  second.Add(Report("a", "eu/1", {5, 4, 1, 3}), *clusters);
  second.Add(Report("a", "eu/2", {1, 1, 0, 0}), *clusters);
  second.Add(Report("b", "", {1, 0, 0, 1}), *clusters);
  CHECK(TextOf(reports) == "a eu/1 15/11/3/1; a eu/2 1/1/0/0; b  1/0/0/1; ");
  CHECK(reports.reports() == 4);
}

TEST_CASE("what is in progress is as the proxies said last", "[load][LRS]") {
  LoadReports reports;
  const TypeSetPtr clusters = Clusters({"a", "b"});
  auto first = std::make_unique<LoadReports::Reporter>(&reports);
  LoadReports::Reporter second(&reports);
  first->Add(Report("a", "eu", {0, 0, 0, 5}), *clusters);
  second.Add(Report("a", "eu", {0, 0, 0, 3}), *clusters);
  first->Add(Report("b", "eu", {0, 0, 0, 1}), *clusters);
  CHECK(TextOf(reports) == "a eu 0/0/0/8; b eu 0/0/0/1; ");
  first->Add(Report("a", "eu", {0, 0, 0, 2}), *clusters);
  CHECK(TextOf(reports) == "a eu 0/0/0/5; b eu 0/0/0/1; ");
  // A locality that a report of its cluster leaves out has nothing in progress any more.
  second.Add(Report("a", "us", {0, 0, 0, 1}), *clusters);
  CHECK(TextOf(reports) == "a eu 0/0/0/2; a us 0/0/0/1; b eu 0/0/0/1; ");
  first = nullptr;
  CHECK(TextOf(reports) == "a eu 0/0/0/0; a us 0/0/0/1; b eu 0/0/0/0; ");
  CHECK(reports.reporters() == 1);
}

TEST_CASE("dropped requests are summed by cluster", "[load][LRS]") {
  LoadReports reports;
  const TypeSetPtr clusters = Clusters({"a"});
  LoadReports::Reporter reporter(&reports);
  for (const char* name : {"a", "stranger", "a"}) {
    LoadStatsRequest report;
    auto* const stats = report.add_cluster_stats();
    stats->set_cluster_name(name);
    stats->set_total_dropped_requests(2);
    reporter.Add(report, *clusters);
  }
  CHECK(reports.Dropped() == std::map<std::string, double>{{"a", 4}, {"other", 2}});
}

TEST_CASE("what a proxy makes up has no row of its own", "[load][limits]") {
  LoadReports reports;
  const TypeSetPtr clusters = Clusters({"a"});
  LoadReports::Reporter reporter(&reports);
  for (int i = 0; i < 100; ++i)
    reporter.Add(Report(absl::StrCat("stranger", i), "eu", {1, 0, 0, 1}), *clusters);
  CHECK(TextOf(reports) == "other  100/0/0/1; ");
  for (int i = 0; i < limits::kMaxLoadLocalities + 100; ++i)
    reporter.Add(Report("a", absl::StrCat("zone", i), {1, 0, 0, 0}), *clusters);
  reporter.Add(Report("a", std::string(limits::kMaxLoadLabelBytes + 1, 'x'), {1, 0, 0, 0}),
               *clusters);
  double of_a = 0, folded = 0;
  size_t rows = 0;
  for (const LoadReports::Row& row : reports.Rows()) {
    if (row.cluster != "a") continue;
    ++rows;
    of_a += row.load.issued;
    if (row.locality == LoadReports::kOther) folded = row.load.issued;
  }
  CHECK(rows == limits::kMaxLoadLocalities + 1);
  CHECK(of_a == limits::kMaxLoadLocalities + 101);
  CHECK(folded == 101);
}

TEST_CASE("rows are bounded, and those of clusters that are gone make room", "[load][limits]") {
  LoadReports reports;
  std::vector<std::string> names;
  for (size_t i = 0; i < limits::kMaxLoadRows + 10; ++i) names.push_back(absl::StrCat("c", i));
  const TypeSetPtr clusters = Clusters(names);
  LoadReports::Reporter reporter(&reports);
  LoadStatsRequest report;
  for (const std::string& name : names) Say(report, name, "", {1, 0, 0, 0});
  reporter.Add(report, *clusters);
  CHECK(reports.Rows().size() == limits::kMaxLoadRows + 1);
  double issued = 0;
  for (const LoadReports::Row& row : reports.Rows()) issued += row.load.issued;
  CHECK(issued == limits::kMaxLoadRows + 10);
  // Another configuration: the old clusters' rows go when a new one needs its place.
  const TypeSetPtr others = Clusters({"new"});
  reporter.Add(Report("new", "eu", {3, 0, 0, 0}), *others);
  CHECK(TextOf(reports) == "new eu 3/0/0/0; ");
}

// A stream of reports on a wire of the test's.
struct LoadPeer {
  explicit LoadPeer(const LoadContext* context)
      : stream(std::make_shared<LoadStream>(context, &wire)) {
    stream->Open();
  }
  std::optional<LoadStatsResponse> Take() {
    if (!wire.in_flight.has_value()) return std::nullopt;
    LoadStatsResponse response;
    REQUIRE(response.ParseFromString(wire.in_flight->bytes));
    wire.in_flight.reset();
    stream->OnWriteDone(true);
    return response;
  }
  std::string Ended() const { return wire.finished.has_value() ? wire.finished->ToString() : ""; }

  RecordingWire wire;
  std::shared_ptr<LoadStream> stream;
};

// What is around such streams.
struct LoadServer {
  explicit LoadServer(StreamQuota* quota = nullptr) : server(&Bodies(), &clock) {
    context = {&Bodies().registry(), &server.cache(), &reports, &server.timers(),
               &server.observer(),   &clock,          quota,    absl::Milliseconds(2500)};
  }

  FakeClock clock;
  Server server;
  LoadReports reports;
  LoadContext context;
};

std::string First(bool reports_all, const std::string& id = "n1") {
  LoadStatsRequest request;
  request.mutable_node()->set_id(id);
  if (reports_all)
    request.mutable_node()->add_client_features("envoy.lrs.supports_send_all_clusters");
  return request.SerializeAsString();
}

TEST_CASE("a client that reports all clusters is told so once", "[load][LRS]") {
  LoadServer on;
  on.server.Publish({{{"cluster", "a", "1", {}}, false}});
  LoadPeer peer(&on.context);
  peer.stream->OnMessage(First(true));
  const auto told = peer.Take();
  REQUIRE(told.has_value());
  CHECK(told->send_all_clusters());
  CHECK(told->clusters().empty());
  CHECK(told->load_reporting_interval().seconds() == 2);
  CHECK(told->load_reporting_interval().nanos() == 500000000);
  on.server.Publish({{{"cluster", "b", "1", {}}, false}});
  peer.stream->OnMessage(Report("a", "", {1, 1, 0, 0}).SerializeAsString());
  CHECK_FALSE(peer.Take().has_value());
  CHECK(TextOf(on.reports) == "a  1/1/0/0; ");
  CHECK(peer.wire.violations.empty());
}

TEST_CASE("another client is told the clusters, and again when they change", "[load][LRS]") {
  LoadServer on;
  on.server.Publish({{{"cluster", "a", "1", {}}, false}});
  LoadPeer peer(&on.context);
  peer.stream->OnMessage(First(false));
  auto told = peer.Take();
  REQUIRE(told.has_value());
  CHECK_FALSE(told->send_all_clusters());
  CHECK(told->clusters_size() == 1);
  const std::string report = Report("a", "", {1, 1, 0, 0}).SerializeAsString();
  peer.stream->OnMessage(report);
  CHECK_FALSE(peer.Take().has_value());
  on.server.Publish({{{"cluster", "b", "1", {}}, false}});
  peer.stream->OnMessage(report);
  told = peer.Take();
  REQUIRE(told.has_value());
  CHECK(told->clusters_size() == 2);
}

TEST_CASE("while one message is written only the newest waits", "[load][LRS]") {
  LoadServer on;
  on.server.Publish({{{"cluster", "a", "1", {}}, false}});
  LoadPeer peer(&on.context);
  peer.stream->OnMessage(First(false));
  for (const char* name : {"b", "c"}) {
    on.server.Publish({{{"cluster", name, "1", {}}, false}});
    peer.stream->OnMessage(First(false));
  }
  CHECK(peer.Take()->clusters_size() == 1);
  CHECK(peer.Take()->clusters_size() == 3);
  CHECK_FALSE(peer.Take().has_value());
  CHECK(peer.wire.violations.empty());
}

TEST_CASE("what is no report, or too much, ends the stream and says why", "[load][limits]") {
  LoadServer early;
  LoadPeer unloaded(&early.context);
  unloaded.stream->OnMessage(First(true));
  CHECK(absl::StartsWith(unloaded.Ended(), "UNAVAILABLE"));

  StreamQuota quota({.in_all = 3, .per_node = 1});
  LoadServer on(&quota);
  on.server.Publish({});
  {
    LoadPeer peer(&on.context), garbage(&on.context), nameless(&on.context), fourth(&on.context);
    CHECK(absl::StrContains(fourth.Ended(), "its 3 streams"));
    garbage.stream->OnMessage("\xff\xff");
    CHECK(absl::StartsWith(garbage.Ended(), "INVALID_ARGUMENT"));
    nameless.stream->OnMessage("");
    CHECK(absl::StrContains(nameless.Ended(), "node.id"));
    nameless.stream->OnClosed();
    peer.stream->OnMessage(First(true));
    LoadPeer second(&on.context);
    second.stream->OnMessage(First(true));
    CHECK(absl::StrContains(second.Ended(), "node n1 has 1 streams"));
    peer.stream->OnMessage(std::string(limits::kMaxLoadReportBytes + 1, '\0'));
    CHECK(absl::StrContains(peer.Ended(), "larger than 4194304 bytes"));
    for (LoadPeer* each : {&peer, &garbage, &fourth, &second}) each->stream->OnClosed();
  }
  LoadPeer busy(&on.context);
  for (int i = 0; i < limits::kLoadReportBurst; ++i) busy.stream->OnMessage(First(true));
  CHECK(busy.Ended() == "");
  busy.stream->OnMessage(First(true));
  CHECK(absl::StrContains(busy.Ended(), "more than 10 load reports a second"));
  LoadPeer silent(&on.context);
  on.clock.Advance(limits::kFirstRequestWithin);
  silent.stream->OnTimer();
  CHECK(absl::StartsWith(silent.Ended(), "DEADLINE_EXCEEDED"));
}

}  // namespace
}  // namespace signalbox::testing
