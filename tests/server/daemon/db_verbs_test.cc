// The db verbs as a person runs them, on a directory without a daemon.
#include "server/daemon/db_verbs.h"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/json.h"
#include "base/random.h"
#include "cli/app.h"
#include "cli/exit_code.h"
#include "storage/seal/key_file.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/storage/conformance/store_testing.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace signalbox {
namespace {

using cli::ExitCode;
using testing::Changes;
using testing::Cluster;

struct Result {
  ExitCode code;
  std::string out;
  std::string err;
  // `data` of -o json.
  Json Data() const { return *Json::Parse(out).value().Find("data"); }
};

class Store {
 public:
  std::string path() const { return directory_.Join("data"); }
  std::string Join(const std::string& name) const { return directory_.Join(name); }

  std::unique_ptr<SqliteResourceStore> Open() {
    return SqliteResourceStore::Create(
               {.directory = path(), .applied_by = "test", .clock = &clock_, .random = &random_})
        .value();
  }
  void Fill() { testing::MustCommit(*Open(), Changes({Cluster("a"), Cluster("b")})); }
  void Tamper(const std::string& file, const std::string& sql) {
    const auto connection =
        SqliteConnection::Open(path() + "/" + file, SqliteConnection::Access::kReadWrite).value();
    REQUIRE(connection->ExecuteScript("tamper", sql).ok());
  }
  // The directory's name is "DIR" in what comes back.
  Result Run(std::vector<std::string> args) {
    args.insert(args.begin(), "db");
    if (std::find(args.begin(), args.end(), "--store.url") == args.end())
      args.insert(args.end(), {"--store.path", path()});
    std::istringstream in;
    std::ostringstream out, err;
    const ExitCode code = cli::RunApp(
        args, DbVerbs(),
        {.in = &in,
         .out = &out,
         .err = &err,
         .environment = {
             {"HOME", directory_.path()}, {"USER", "alice"}, {"XDG_RUNTIME_DIR", "/run/u"}}});
    return {code, absl::StrReplaceAll(out.str(), {{directory_.path(), "DIR"}}),
            absl::StrReplaceAll(err.str(), {{directory_.path(), "DIR"}})};
  }

 private:
  testing::TempDir directory_;
  testing::FakeClock clock_;
  SystemRandom random_;
};

TEST_CASE("a store that a daemon has is refused by every verb, with its pid") {
  Store store;
  const auto daemon = store.Open();
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"migrate"},
                                             {"migrate", "--dry-run"},
                                             {"migrate", "down", "--area", "config", "--yes"},
                                             {"verify"},
                                             {"backup", store.Join("backup")},
                                             {"adopt", "--yes"},
                                             {"rotate-key"}}) {
    INFO(verb[0]);
    const Result result = store.Run(verb);
    CHECK(result.code == ExitCode::kConflict);
    CHECK(absl::StrContains(result.err, absl::StrCat("process ", ::getpid())));
    CHECK(absl::StrContains(result.err, "must be stopped"));
  }
  CHECK(!std::filesystem::exists(store.Join("backup")));
}

TEST_CASE("where there is no store every verb says so and makes none") {
  Store store;
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"verify"},
                                             {"backup", store.Join("backup")},
                                             {"adopt", "--yes"},
                                             {"rotate-key"}}) {
    INFO(verb[0]);
    CHECK(store.Run(verb).code == ExitCode::kNotFound);
  }
  CHECK(!std::filesystem::exists(store.path()));
  CHECK(store.Run({"status", "--store.url", "sqlite::memory:"}).code == ExitCode::kInvalid);
}

TEST_CASE("status shows each area's schema") {
  Store store;
  store.Fill();
  const Result table = store.Run({"status"});
  CHECK(table.code == ExitCode::kDone);
  for (const char* area : {"config", "audit", "queue", "telemetry"}) {
    CHECK(absl::StrContains(table.out, absl::StrCat("DIR/data/", area, ".db")));
  }
  CHECK(absl::StrContains(table.out, "up to date"));
  const Json data = store.Run({"status", "-o", "json"}).Data();
  REQUIRE(data.elements().size() == 4);
  CHECK(data.elements()[0].Find("area")->text() == "config");
  CHECK(data.elements()[0].Find("fits")->text() == "true");

  store.Tamper("queue.db", "UPDATE schema_versions SET checksum = zeroblob(32)");
  const Result unfit = store.Run({"status"});
  CHECK(unfit.code == ExitCode::kNegative);
  CHECK(absl::StrContains(unfit.out, "does not fit"));
  CHECK(absl::StrContains(unfit.err, "version 1 \"jobs\""));
}

TEST_CASE("schemas go down and up, with a backup before, and a dry run writes nothing") {
  Store store;
  store.Fill();
  const std::vector<std::string> down = {"migrate", "down", "--area", "queue"};
  const Result unsaid = store.Run(down);
  CHECK(unsaid.code == ExitCode::kUsage);
  CHECK(absl::StrContains(unsaid.err, "--yes"));
  const Result vague = store.Run({"migrate", "down", "--yes"});
  CHECK(vague.code == ExitCode::kInvalid);
  CHECK(absl::StrContains(vague.err, "--area config|audit|queue|telemetry"));
  CHECK(store.Run({"migrate", "up"}).code == ExitCode::kUsage);
  CHECK(store.Run({"migrate", "--target-version", "x"}).code == ExitCode::kUsage);
  CHECK(store.Run({"migrate", "--area", "queue", "--target-version", "99"}).code ==
        ExitCode::kInvalid);

  const Result dry = store.Run({"migrate", "down", "--area", "queue", "--dry-run"});
  CHECK(dry.code == ExitCode::kDone);
  CHECK(absl::StrContains(dry.out, "1 jobs"));
  CHECK(absl::StrContains(dry.err, "nothing was written"));
  CHECK(!std::filesystem::exists(store.path() + "/backups"));

  Result done = store.Run({"migrate", "down", "--area", "queue", "--yes", "-o", "json"});
  INFO(done.err);
  CHECK(done.code == ExitCode::kDone);
  CHECK(
      absl::StrContains(done.Data().Find("backup")->text(), "DIR/data/backups/before-migration-"));
  CHECK(absl::StrContains(store.Run({"status"}).out, "1 pending: 1 jobs"));

  done = store.Run({"migrate"});
  CHECK(done.code == ExitCode::kDone);
  CHECK(!absl::StrContains(store.Run({"status"}).out, "pending"));
  CHECK(absl::StrContains(store.Run({"migrate"}).err, "nothing is to be done"));
}

TEST_CASE("a backup is made and verified, and its damage found") {
  Store store;
  store.Fill();
  const std::string target = store.Join("backup");
  const Result made = store.Run({"backup", target});
  INFO(made.err);
  CHECK(made.code == ExitCode::kDone);
  CHECK(absl::StrContains(made.out, "backed up to DIR/backup, verified, at revision 1"));
  CHECK(store.Run({"backup", target}).code == ExitCode::kConflict);
  CHECK(store.Run({"backup"}).code == ExitCode::kUsage);

  const Result sound = store.Run({"verify", target});
  CHECK(sound.code == ExitCode::kDone);
  CHECK(absl::StrContains(sound.out, "DIR/backup is sound, at revision 1"));
  CHECK(store.Run({"verify", store.Join("nowhere")}).code == ExitCode::kNotFound);

  std::filesystem::remove(target + "/audit.db");
  const Result damaged = store.Run({"verify", target, "-o", "json"});
  CHECK(damaged.code == ExitCode::kNegative);
  CHECK(damaged.Data().Find("sound")->text() == "false");
  CHECK(damaged.Data().Find("damage")->elements()[0].Find("location")->text() ==
        "DIR/backup/audit.db");
}

TEST_CASE("verify names what is damaged in the store") {
  Store store;
  store.Fill();
  CHECK(store.Run({"verify"}).code == ExitCode::kDone);
  store.Tamper("config.db", "UPDATE revision SET author = 'eve'");
  const Result damaged = store.Run({"verify"});
  CHECK(damaged.code == ExitCode::kNegative);
  CHECK(absl::StrContains(damaged.out, "is damaged"));
  CHECK(absl::StrContains(damaged.out, "the chain of revisions does not hold at revision 1"));
}

TEST_CASE("adopting wants to be meant, and begins an epoch") {
  Store store;
  store.Fill();
  const uint64_t before = store.Open()->ReadHead()->epoch;
  CHECK(store.Run({"adopt"}).code == ExitCode::kUsage);
  CHECK(store.Open()->ReadHead()->epoch == before);
  const Result adopted = store.Run({"adopt", "--yes", "-o", "json"});
  INFO(adopted.err);
  CHECK(adopted.code == ExitCode::kDone);
  const Head after = *store.Open()->ReadHead();
  CHECK(after.epoch != before);
  CHECK(adopted.Data().Find("epoch")->text() == absl::StrCat(after.epoch));
  CHECK(adopted.Data().Find("revision")->text() == "1");
  CHECK(store.Run({"verify"}).code == ExitCode::kDone);
}

Upsert Secret(absl::string_view name, absl::string_view body) {
  return {.key = {.namespace_name = "default", .type = "secret", .name = std::string(name)},
          .record = {.body = std::string(body)}};
}

// The chain and every record with its hash.
std::string ContentOf(Store& store) {
  const HeadState state = store.Open()->LoadHead().value();
  std::string content = absl::StrCat(state.head.revision.number, " ", state.head.digest.Hex());
  for (const Resource& resource : state.resources)
    absl::StrAppend(&content, "\n", resource.key.name, " ", resource.record_hash.Hex(), " ",
                    resource.record->body);
  return content;
}

TEST_CASE("a rotation seals every secret with a new key, and the older one can be retired") {
  Store store;
  testing::MustCommit(*store.Open(), Changes({Secret("a", "one"), Cluster("b")}));
  testing::MustCommit(*store.Open(), Changes({Secret("a", "two")}));
  const std::string before = ContentOf(store);
  const std::string file = store.path() + "/secrets.key";
  const std::string older = KeyFile(file).Read()->active().id.Hex();

  const Result rotated = store.Run({"rotate-key", "-o", "json"});
  INFO(rotated.err);
  REQUIRE(rotated.code == ExitCode::kDone);
  CHECK(rotated.Data().Find("resealed")->text() == "2");
  CHECK(rotated.Data().Find("newKey")->text() == "true");
  const std::string newer = rotated.Data().Find("keyId")->text();
  CHECK(newer != older);
  CHECK(KeyFile(file).Read()->active().id.Hex() == newer);
  CHECK(ContentOf(store) == before);
  CHECK(store.Open()->ControlSince(0)->back().kind == "keys");
  CHECK(store.Open()->ReadOutbox({}, 10)->back().event.principal == "alice");

  const Result unsaid = store.Run({"rotate-key", "--retire", older});
  CHECK(unsaid.code == ExitCode::kUsage);
  CHECK(absl::StrContains(unsaid.err, "--yes"));
  CHECK(store.Run({"rotate-key", "--retire", "x", "--yes"}).code == ExitCode::kUsage);
  CHECK(store.Run({"rotate-key", "--retire", "0123456789abcdef", "--yes"}).code ==
        ExitCode::kNotFound);
  CHECK(store.Run({"rotate-key", "--retire", newer, "--yes"}).code == ExitCode::kConflict);
  CHECK(KeyFile(file).Read()->keys().size() == 2);

  const Result retired = store.Run({"rotate-key", "--retire", older, "--yes"});
  INFO(retired.err);
  CHECK(retired.code == ExitCode::kDone);
  CHECK(absl::StrContains(retired.out, "0 bodies were sealed anew"));
  CHECK(KeyFile(file).Read()->keys().size() == 1);
  CHECK(ContentOf(store) == before);
  CHECK(store.Run({"verify"}).code == ExitCode::kDone);
}

TEST_CASE("what a rotation that ended early left is sealed without another key") {
  Store store;
  testing::MustCommit(*store.Open(), Changes({Secret("a", "one")}));
  // As one that was killed before it had sealed anything.
  const std::string newer = KeyFile(store.path() + "/secrets.key").Rotate()->active().id.Hex();
  const std::string before = ContentOf(store);
  const Result rest = store.Run({"rotate-key", "--no-new-key"});
  INFO(rest.err);
  CHECK(rest.code == ExitCode::kDone);
  CHECK(absl::StrContains(rest.out, "key " + newer + "; 1 body was sealed anew"));
  CHECK(ContentOf(store) == before);
}

TEST_CASE("a rotation without the right key file changes nothing") {
  Store store, other;
  testing::MustCommit(*store.Open(), Changes({Secret("a", "one")}));
  testing::MustCommit(*other.Open(), Changes({Secret("a", "one")}));
  const std::string file = store.path() + "/secrets.key";
  const std::string kept = store.Join("kept.key");
  std::filesystem::rename(file, kept);
  Result refused = store.Run({"rotate-key"});
  CHECK(refused.code == ExitCode::kConflict);
  CHECK(absl::StrContains(refused.err, "there is no key file DIR/data/secrets.key"));
  CHECK(!absl::StrContains(refused.err, "must be stopped"));
  CHECK(!std::filesystem::exists(file));

  refused = store.Run({"rotate-key", "--secrets.key-file", other.path() + "/secrets.key"});
  CHECK(refused.code == ExitCode::kConflict);
  CHECK(absl::StrContains(refused.err, KeyFile(kept).Read()->active().id.Hex()));
  CHECK(KeyFile(other.path() + "/secrets.key").Read()->keys().size() == 1);

  std::filesystem::rename(kept, file);
  CHECK(store.Run({"rotate-key"}).code == ExitCode::kDone);
}

}  // namespace
}  // namespace signalbox
