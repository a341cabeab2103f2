#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/human.h"
#include "cli/nodes_verbs.h"
#include "cli/output.h"
#include "cli/status_verb.h"

namespace signalbox::cli {
namespace {

using admin::v1::Node;
using admin::v1::NodeState;

const absl::Time kNow = absl::FromUnixSeconds(1800000000);

Node MakeNode(const std::string& id, const std::string& group, NodeState state, int64_t revision,
              int64_t behind, const std::string& client, absl::Duration since,
              const std::string& detail) {
  Node node;
  node.set_namespace_("default");
  node.set_id(id);
  node.set_group(group);
  node.set_state(state);
  node.set_revision(revision);
  node.set_behind(behind);
  node.set_client(client);
  node.set_variant("delta");
  node.mutable_since()->set_seconds(absl::ToUnixSeconds(kNow - since));
  node.mutable_connected()->set_seconds(absl::ToUnixSeconds(kNow - absl::Hours(80)));
  node.set_detail(detail);
  return node;
}

void AddType(const std::string& kind, NodeState state, Node* node) {
  admin::v1::NodeType* type = node->add_types();
  type->set_kind(kind);
  type->set_state(state);
  type->set_revision(node->revision());
  *type->mutable_since() = node->since();
}

std::vector<Node> Fleet() {
  std::vector<Node> nodes = {
      MakeNode("edge-1", "edge", admin::v1::SYNCED, 413, 0, "envoy 1.36.2", absl::Hours(76), ""),
      MakeNode("edge-7", "edge", admin::v1::NACK, 412, 1, "envoy 1.22.0", absl::Seconds(41),
               "listener/ingress: no\x1b[31m"),
      MakeNode("grpc-a", "grpc", admin::v1::STALE, 398, 15, "grpc-c++ 1.71", absl::Seconds(372),
               "sent 413 41s ago"),
      MakeNode("new", "grpc", admin::v1::PENDING, 0, 413, "envoy 1.40.0", absl::Milliseconds(0),
               "")};
  for (const char* kind : {"cluster", "endpoints", "listener", "route"})
    AddType(kind, admin::v1::SYNCED, &nodes[0]);
  for (const char* kind : {"cluster", "endpoints", "route"})
    AddType(kind, admin::v1::SYNCED, &nodes[1]);
  AddType("listener", admin::v1::NACK, &nodes[1]);
  nodes[1].mutable_types(3)->add_refused("ingress");
  nodes[1].mutable_types(3)->set_error("no");
  AddType("listener", admin::v1::SYNCED, &nodes[2]);
  AddType("cluster", admin::v1::STALE, &nodes[2]);
  AddType("cluster", admin::v1::HELD, &nodes[3]);
  return nodes;
}

std::string Shown(const Report& report, Format format = Format::kTable) {
  std::ostringstream out, err;
  Output output(&out, &err);
  output.Configure({.format = format});
  output.Print(report);
  return out.str();
}

TEST_CASE("the fleet is a table with a column for each type") {
  CHECK(Shown(NodesReport(Fleet(), kNow)) ==
        "NODE    GROUP  STATE    REVISION   LDS  RDS   CDS  EDS  CLIENT         SINCE  DETAIL\n"
        "edge-1  edge   SYNCED   413         ok   ok    ok   ok  envoy 1.36.2   3d4h\n"
        "edge-7  edge   NACK     412 (-1)     X   ok    ok   ok  envoy 1.22.0   41s    "
        "listener/ingress: no\\x1b[31m\n"
        "grpc-a  grpc   STALE    398 (-15)   ok    -     .    -  grpc-c++ 1.71  6m12s  sent 413 "
        "41s ago\n"
        "new     grpc   PENDING  -            -    -  held    -  envoy 1.40.0   0s\n");
  CHECK(Shown(NodesReport(Fleet(), kNow), Format::kName) ==
        "node/edge-1\nnode/edge-7\nnode/grpc-a\nnode/new\n");
}

TEST_CASE("a proxy is shown type by type, with what it refused and said") {
  CHECK(Shown(NodeReport(Fleet()[1], kNow)) ==
        "node      edge-7  group edge\n"
        "client    envoy 1.22.0  delta  connected 3d8h\n"
        "state     NACK since 41s\n"
        "revision  412 (-1)\n"
        "detail    listener/ingress: no\\x1b[31m\n"
        "KIND       STATE   REVISION  SINCE  REFUSED  DETAIL\n"
        "cluster    SYNCED       412  41s\n"
        "endpoints  SYNCED       412  41s\n"
        "route      SYNCED       412  41s\n"
        "listener   NACK         412  41s    ingress  no\n");
}

TEST_CASE("a proxy is an object to programs, with its times in UTC") {
  CHECK(
      NodeReport(Fleet()[1], kNow).data.Dump() ==
      R"({"namespace":"default","group":"edge","id":"edge-7","state":"NACK","revision":412,"behind":1,)"
      R"("client":"envoy 1.22.0","variant":"delta","since":"2027-01-15T07:59:19.000Z",)"
      R"("connected":"2027-01-12T00:00:00.000Z","detail":"listener/ingress: no\u001b[31m","types":[)"
      R"({"kind":"cluster","state":"SYNCED","revision":412,"since":"2027-01-15T07:59:19.000Z"},)"
      R"({"kind":"endpoints","state":"SYNCED","revision":412,"since":"2027-01-15T07:59:19.000Z"},)"
      R"({"kind":"route","state":"SYNCED","revision":412,"since":"2027-01-15T07:59:19.000Z"},)"
      R"({"kind":"listener","state":"NACK","revision":412,"since":"2027-01-15T07:59:19.000Z",)"
      R"("refused":["ingress"],"error":"no"}]})");
}

admin::v1::InfoResponse Info() {
  admin::v1::InfoResponse info;
  info.set_version("0.1.0");
  info.set_store("sqlite");
  info.set_store_bytes(41000000);
  info.set_schema_version(12);
  info.mutable_head()->set_revision(413);
  info.mutable_head()->set_author("alice");
  info.mutable_head()->set_message("raise timeout");
  info.mutable_head()->mutable_time()->set_seconds(absl::ToUnixSeconds(kNow - absl::Hours(48)));
  info.set_served_revision(413);
  info.set_pid(7);
  info.set_xds_address("127.0.0.1:18000");
  info.set_http_address("127.0.0.1:18080");
  info.mutable_started()->set_seconds(absl::ToUnixSeconds(kNow - absl::Hours(3)));
  (*info.mutable_nodes())["SYNCED"] = 211;
  (*info.mutable_nodes())["NACK"] = 1;
  (*info.mutable_nodes())["STALE"] = 1;
  (*info.mutable_nodes())["GONE"] = 0;
  (*info.mutable_resources())["listener"] = 3;
  (*info.mutable_resources())["cluster"] = 12;
  return info;
}

TEST_CASE("the status is a few lines") {
  CHECK(Shown(StatusReport(Info(), {Fleet()[1], Fleet()[2]}, kNow, false)) ==
        "signalbox 0.1.0  store sqlite 41 MB, schema 12     revision 413  alice 2d ago \"raise "
        "timeout\"\n"
        "serving   revision 413  12 cluster  3 listener\n"
        "proxies   213: 211 synced  1 stale  1 nack\n"
        "problems  2: edge-7 NACK 41s  listener/ingress: no\\x1b[31m\n"
        "          grpc-a STALE 6m12s  sent 413 41s ago\n"
        "listening xds 127.0.0.1:18000  http 127.0.0.1:18080  pid 7  up 3h\n");
}

TEST_CASE("the status names a few problems, and all of them when asked") {
  const std::vector<Node> nodes(5, Fleet()[1]);
  const std::string some = Shown(StatusReport(Info(), nodes, kNow, false));
  CHECK_THAT(some,
             Catch::Contains("problems  5: ") && Catch::Contains("signalbox status --problems"));
  const std::string all = Shown(StatusReport(Info(), nodes, kNow, true));
  CHECK(std::count(all.begin(), all.end(), '\n') == 5);
}

TEST_CASE("an empty store and a failing one are said") {
  admin::v1::InfoResponse info = Info();
  info.clear_head();
  CHECK_THAT(
      Shown(StatusReport(info, {}, kNow, false)),
      Catch::Contains("revision 0, nothing applied yet\n") && Catch::Contains("problems  none\n"));
  info.set_store_problem("the store failed: disk");
  CHECK_THAT(Shown(StatusReport(info, {}, kNow, false)),
             Catch::Contains("problems  1: store: the store failed: disk\n"));
}

TEST_CASE("the status says whether a server waits for standbys") {
  admin::v1::InfoResponse info = Info();
  const auto lines = [&] { return Shown(StatusReport(info, {}, kNow, false)); };
  const auto data = [&] { return StatusReport(info, {}, kNow, false).data; };
  CHECK_THAT(lines(), !Catch::Contains("standbys"));
  info.mutable_standbys();
  CHECK_THAT(lines(), Catch::Contains("ago \"raise timeout\"\nstandbys  none is synchronous: what "
                                      "was acknowledged is lost with the server\nserving "));
  info.mutable_standbys()->set_synchronous("ANY 1 (a, b)");
  CHECK_THAT(lines(), Catch::Contains("\nstandbys  synchronous: ANY 1 (a, b)\n"));
  CHECK(data().Find("store")->Find("standbys")->Dump() ==
        R"json({"synchronous":"ANY 1 (a, b)"})json");
  info.mutable_standbys()->set_connected(0);
  CHECK_THAT(lines(), Catch::Contains("\nstandbys  synchronous: ANY 1 (a, b), 0 connected\n"));
  CHECK(data().Find("store")->Find("standbys")->Dump() ==
        R"json({"synchronous":"ANY 1 (a, b)","connected":0})json");
}

TEST_CASE("durations and sizes are said in the units that a person uses") {
  CHECK(HumanDuration(absl::Milliseconds(999)) == "0s");
  CHECK(HumanDuration(-absl::Seconds(5)) == "0s");
  CHECK(HumanDuration(absl::Seconds(59)) == "59s");
  CHECK(HumanDuration(absl::Seconds(60)) == "1m");
  CHECK(HumanDuration(absl::Seconds(3661)) == "1h1m");
  CHECK(HumanDuration(absl::Hours(100)) == "4d4h");
  CHECK(HumanBytes(0) == "0 B");
  CHECK(HumanBytes(999) == "999 B");
  CHECK(HumanBytes(1000) == "1.0 kB");
  CHECK(HumanBytes(4096) == "4.1 kB");
  CHECK(HumanBytes(999999) == "1.0 MB");
  CHECK(HumanBytes(41000000) == "41 MB");
}

}  // namespace
}  // namespace signalbox::cli
