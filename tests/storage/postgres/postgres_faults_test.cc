// A connection that is lost at round trip 1, 2, 3, ... of the stores of each area, before, in the
// middle of and after what it carried: nothing crashes, what was acknowledged is there, what was
// told as not written is not, and the store goes on by itself.
#include <catch2/catch.hpp>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/random.h"
#include "storage/migrator/migration_policy.h"
#include "storage/postgres/postgres_audit_log.h"
#include "storage/postgres/postgres_job_queue.h"
#include "storage/postgres/postgres_leases.h"
#include "storage/postgres/postgres_node_history.h"
#include "storage/postgres/postgres_resource_store.h"
#include "storage/postgres/postgres_schemas.h"
#include "tests/storage/faults/area_lives.h"
#include "tests/storage/faults/moments.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/postgres_cluster.h"
#include "tests/testing/postgres_proxy.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {
namespace {

using Cut = PostgresProxy::Cut;

struct Kind {
  Cut cut;
  const char* name;
};
constexpr Kind kKinds[] = {
    {Cut::kBefore, "before"}, {Cut::kMiddle, "in the middle of"}, {Cut::kAfter, "after"}};

// The stores on a database, open.
class Opened {
 public:
  // `url` is for what is counted, `direct` for the change feed's listener.
  Opened(const std::string& url, const std::string& direct, const std::string& key_file) {
    const auto schemas = PostgresSchemas::Open({.conninfo = url,
                                                .readers = 1,
                                                .applied_by = "test",
                                                .migrate = MigrationPolicy::kAuto,
                                                .fsync = PostgresSchemas::Options::Fsync::kMayBeOff,
                                                .clock = &clock_,
                                                .random = &random_});
    if (!schemas.ok()) std::cerr << schemas.status() << "\n";
    SB_CHECK(schemas.ok());
    audit_ = std::make_unique<PostgresAuditLog>((*schemas)->pool(), &clock_);
    jobs_ = std::make_unique<PostgresJobQueue>((*schemas)->pool(), &clock_, 1000);
    leases_ = std::make_unique<PostgresLeases>((*schemas)->pool(), &clock_);
    nodes_ = std::make_unique<PostgresNodeHistory>((*schemas)->pool(), &clock_);
    auto resources = PostgresResourceStore::Create(
        *schemas, {.listen_conninfo = direct, .key_file = key_file, .poll = absl::Hours(1)});
    if (!resources.ok()) std::cerr << resources.status() << "\n";
    SB_CHECK(resources.ok());
    resources_ = *std::move(resources);
  }

  Stores stores() {
    return {.resources = resources_.get(),
            .audit = audit_.get(),
            .jobs = jobs_.get(),
            .leases = leases_.get(),
            .nodes = nodes_.get()};
  }

 private:
  FakeClock clock_;
  SystemRandom random_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<JobQueue> jobs_;
  std::unique_ptr<Leases> leases_;
  std::unique_ptr<NodeHistory> nodes_;
  std::unique_ptr<ResourceStore> resources_;
};

TEST_CASE("whichever round trip loses its connection, what a store says of its writes is true") {
  const AreaLife& life = AreaLives()[GENERATE(range(size_t{0}, AreaLives().size()))];
  const Kind& kind = kKinds[GENERATE(range(size_t{0}, std::size(kKinds)))];
  // The change feed reads the head when it likes: what is counted is what the life does.
  const auto counted =
      life.area == "config" ? PostgresProxy::Counted::kWriters : PostgresProxy::Counted::kAll;
  PostgresDatabase database;
  PostgresProxy proxy(&database.cluster());
  TempDir directory;
  const std::string key_file = directory.Join("secrets.key");
  const std::string direct = database.Url();
  bool fired = false;
  int64_t count = 0;
  const auto live = [&](const std::string& name, int64_t nth) {
    Opened opened(proxy.Url(database.name()), direct, key_file);
    proxy.CutAt(nth, kind.cut, counted);
    Ledger ledger = life.live(opened.stores(), name);
    fired = proxy.Fired();
    count = proxy.Count();
    proxy.CutAt(0, kind.cut, counted);
    return ledger;
  };
  const auto found = [&](const std::string& name) {
    return life.found(Opened(direct, direct, key_file).stores(), name);
  };
  CHECK(Lies(live("healthy", 0), found("healthy")) == "");
  const int64_t total = count;
  REQUIRE(total > 5);
  int not_fired = 0;
  for (const int64_t nth : Moments(total)) {
    INFO(life.area << ": lost " << kind.name << " round trip " << nth << " of " << total);
    const std::string name = absl::StrCat("life", nth);
    const Ledger ledger = live(name, nth);
    not_fired += fired ? 0 : 1;
    std::cout << life.area << ": lost " << kind.name << " " << nth << " of " << total << ": "
              << (fired ? "fired" : "did not come") << "; " << Summary(ledger) << "\n";
    CHECK(Lies(ledger, found(name)) == "");
  }
  // A life may be shorter by a round trip or two than the healthy one.
  CHECK(not_fired <= 3);
}

}  // namespace
}  // namespace signalbox::testing
