#include "server/admin/system.h"

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/admin/admin_fixture.h"

namespace signalbox {
namespace {

using testing::AdminFixture;

SystemHandler HandlerOf(AdminFixture* fixture,
                        std::function<absl::StatusOr<Standbys>()> standbys = nullptr) {
  return SystemHandler(
      {.version = "1.2.3", .started = absl::FromUnixSeconds(5), .pid = 42, .xds_address = "h:1"},
      fixture->store.get(),
      {.nodes =
           [] {
             return std::vector<NodeStatus>{{.state = NodeState::kSynced},
                                            {.state = NodeState::kSynced},
                                            {.state = NodeState::kNack}};
           },
       .served = [] { return Revision{1}; }},
      [] {
        return std::map<std::string, int>{{"cluster", 1}};
      },
      std::move(standbys));
}

TEST_CASE("info shows the daemon, its store, the head and the fleet in numbers", "[admin]") {
  AdminFixture fixture;
  SystemHandler handler = HandlerOf(&fixture);
  const auto empty = handler.Info({}, Caller{});
  REQUIRE(empty.ok());
  CHECK(!empty->has_head());

  admin::v1::ApplyRequest request = fixture.ApplyOf("cluster", "a", "{}");
  request.set_message("why");
  fixture.MustApply(request);
  const auto info = handler.Info({}, Caller{});
  REQUIRE(info.ok());
  CHECK(info->version() == "1.2.3");
  CHECK(info->store() == "sqlite (memory)");
  CHECK(info->schema_version() > 0);
  CHECK(info->store_bytes() > 0);
  CHECK(info->head().revision() == 1);
  CHECK(info->head().author() == "unknown");
  CHECK(info->head().message() == "why");
  CHECK(info->head().kind() == "apply");
  CHECK(info->head().digest().size() == 64);
  CHECK(info->served_revision() == 1);
  CHECK(info->nodes().at("SYNCED") == 2);
  CHECK(info->nodes().at("NACK") == 1);
  CHECK(info->resources().at("cluster") == 1);
  CHECK(info->store_problem().empty());
}

TEST_CASE("info says which standbys the store's server waits for, where there are servers",
          "[admin]") {
  AdminFixture fixture;
  CHECK(!HandlerOf(&fixture).Info({}, Caller{})->has_standbys());
  const auto with = [&](const absl::StatusOr<Standbys>& standbys) {
    return *HandlerOf(&fixture, [=] { return standbys; }).Info({}, Caller{});
  };
  CHECK(with(Standbys{.synchronous = "ANY 1 (a, b)", .connected = 1}).standbys().connected() == 1);
  CHECK(with(Standbys{.synchronous = "ANY 1 (a, b)"}).standbys().synchronous() == "ANY 1 (a, b)");
  CHECK(!with(Standbys{.synchronous = "ANY 1 (a, b)"}).standbys().has_connected());
  CHECK(with(Standbys{}).has_standbys());
  CHECK(with(absl::UnavailableError("gone")).store_problem() == "gone");
}

TEST_CASE("info answers while the store fails, and says so", "[admin]") {
  AdminFixture fixture;
  SystemHandler handler = HandlerOf(&fixture);
  fixture.store->Close();
  const auto info = handler.Info({}, Caller{});
  REQUIRE(info.ok());
  CHECK(info->store_problem() == "the store is closing");
  CHECK(info->served_revision() == 1);
}

}  // namespace
}  // namespace signalbox
